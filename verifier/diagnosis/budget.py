"""How much a search may compute: counted, not timed, so that equal inputs give equal reports everywhere."""

from dataclasses import dataclass

from reference_impl.problem import Problem

TRIAL = 100_000.0  # numbers that could be multiplied while a candidate's other steps are gone through
_TRIALS = 12_000.0  # that any search may make
_TRIALS_A_LAYER = 500.0
_TIMES_NUMBERS = 1000.0  # of one pass over the network; judging takes far longer for each
_TIMES_CUBE = 1.0  # of the examples, for the eigenvalues of their Gram matrix and the patterns tried
_MOST_EXAMPLES = 1024  # for which there is a Gram matrix


@dataclass(slots=True, eq=False)
class Budget:
    """Numbers that a search may touch, and those it has; the one thing here that changes.

    Past `most` nothing new is tried: the search ends with the best it has.
    """

    most: float
    spent: float = 0.0

    @property
    def is_used_up(self) -> bool:
        return self.spent >= self.most

    def spend(self, numbers: float) -> None:
        self.spent += numbers


def budget_for(problem: Problem) -> Budget:
    """Allow what grows with the judging of a problem, so that a diagnosis takes at most a multiple of it."""
    layers = len(problem.parameters)
    numbers = sum(numbers_of_trial(problem, layer) - TRIAL for layer in range(layers))
    return Budget(TRIAL * (_TRIALS + _TRIALS_A_LAYER * layers) + _TIMES_NUMBERS * numbers)


def numbers_of_trial(problem: Problem, layer: int) -> float:
    """Count what it takes to try one candidate for δ, or for a product, of a layer."""
    weight = problem.parameters[layer].weight
    return TRIAL + float(problem.batch.size * weight.size)


def numbers_of_example_weights(problem: Problem) -> float:
    """Count what it takes to estimate how often each example was counted."""
    examples = problem.batch.size
    return _TIMES_CUBE * float(examples) ** 3 if examples <= _MOST_EXAMPLES else 0.0
