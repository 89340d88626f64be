"""Work limit of a search, in numbers computed. A time limit would make reports depend on the machine."""

from dataclasses import dataclass

from reference_impl.problem import Problem
from verifier.diagnosis.costs import (
    MAX_GRAM_EXAMPLES,
    TRIAL_WORK,
    WORK_PER_EXAMPLE_CUBED,
    WORK_PER_NUMBER,
    WORK_TRIALS,
    WORK_TRIALS_PER_LAYER,
)


@dataclass(slots=True, eq=False)
class SearchBudget:
    """Count of the numbers that a search has computed, and their limit.

    Beyond `most` no new candidate is tried, and the search returns its best explanation so far.
    """

    most: float
    spent: float = 0.0

    @property
    def is_used_up(self) -> bool:
        return self.spent >= self.most

    def spend(self, numbers: float) -> None:
        self.spent += numbers


def budget_for(problem: Problem) -> SearchBudget:
    """Return a budget proportional to the cost of judging a problem, plus a constant."""
    layers = len(problem.parameters)
    numbers = sum(numbers_of_trial(problem, layer) - TRIAL_WORK for layer in range(layers))
    trials = WORK_TRIALS + WORK_TRIALS_PER_LAYER * layers
    return SearchBudget(TRIAL_WORK * trials + WORK_PER_NUMBER * numbers)


def numbers_of_trial(problem: Problem, layer: int) -> float:
    """Return the work of trying one candidate for δ, or for a product, of a layer."""
    weight = problem.parameters[layer].weight
    return TRIAL_WORK + float(problem.batch.size * weight.size)


def numbers_of_example_weights(problem: Problem) -> float:
    """Return the work of estimating the weights of the examples."""
    examples = problem.batch.size
    return WORK_PER_EXAMPLE_CUBED * float(examples) ** 3 if examples <= MAX_GRAM_EXAMPLES else 0.0
