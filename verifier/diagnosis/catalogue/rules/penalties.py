"""Wrong penalties that programs use in place of the declared ones."""

from collections.abc import Iterator
from dataclasses import replace

from reference_impl.losses import Penalty
from reference_impl.problem import Problem
from verifier.diagnosis.catalogue.bug import PenaltyVariant

_STRENGTH = (0.1,)  # of the penalty in mutants


def _changed_penalties(problem: Problem, changed: list[Penalty | None]) -> Iterator[tuple[Penalty, ...]]:
    """Yield the penalties with all of them changed, then with one at a time; None removes a penalty."""
    penalties = problem.risk.penalties
    if penalties:
        yield tuple(other for other in changed if other)
    for index, other in enumerate(changed):
        if len(penalties) > 1:
            yield (*penalties[:index], *((other,) if other else ()), *penalties[index + 1 :])


def penalty_missing(problem: Problem) -> Iterator[PenaltyVariant]:
    for penalties in _changed_penalties(problem, [None for _ in problem.risk.penalties]):
        yield PenaltyVariant(penalties)


def penalty_scaled(problem: Problem) -> Iterator[PenaltyVariant]:
    """Yield the penalties doubled, halved, times N, over N, and times a factor to be estimated."""
    examples = float(problem.batch.size)
    for factor in dict.fromkeys((2.0, 0.5, examples, 1.0 / examples)):
        if factor != 1.0:
            changed: list[Penalty | None] = [
                replace(penalty, factor=penalty.factor * factor) for penalty in problem.risk.penalties
            ]
            for penalties in _changed_penalties(problem, changed):
                yield PenaltyVariant(penalties, {"factor": factor})
    if problem.risk.penalties:
        yield PenaltyVariant((), scaled=problem.risk.penalties, unknown="factor", usual=(3.0,))


def penalty_on_biases(problem: Problem) -> Iterator[PenaltyVariant]:
    yield from _of_biases(problem, True)


def missing_on_biases(problem: Problem) -> Iterator[PenaltyVariant]:
    yield from _of_biases(problem, False)


def _of_biases(problem: Problem, included: bool) -> Iterator[PenaltyVariant]:
    if any(layer.bias for layer in problem.network.layers):
        changed: list[Penalty | None] = [replace(p, biases=included) for p in problem.risk.penalties]
        for penalties in _changed_penalties(problem, changed):
            if penalties != problem.risk.penalties:
                yield PenaltyVariant(penalties)


def gradient_scaled(problem: Problem) -> Iterator[PenaltyVariant]:
    """Yield (1 + λ)·G for every form of the coefficient λ."""
    factors = []
    for penalty in problem.risk.penalties:
        coefficient = penalty.coefficient(problem.batch.size)
        slope = 2.0 * coefficient if penalty.norm == "l2" else coefficient
        factors += [1.0 + slope, 1.0 + coefficient, 1.0 + penalty.strength]
    for factor in dict.fromkeys(factors):
        for of_biases in (False, True):
            yield PenaltyVariant((), {"factor": factor}, data_factor=factor, of_biases=of_biases)


def penalty_undeclared(problem: Problem) -> Iterator[PenaltyVariant]:
    """Yield a weight decay that is not declared, with a strength to be estimated."""
    if any(penalty.norm == "l2" for penalty in problem.risk.penalties):
        return
    for biases in (False, True) if any(layer.bias for layer in problem.network.layers) else (False,):
        added = Penalty("l2", 1.0, 0.5, biases=biases)
        of = "weights and biases" if biases else "weights"
        estimates = {"alternative": f"the declared loss with an l2 penalty on the {of}"}
        yield PenaltyVariant(
            problem.risk.penalties, estimates, scaled=(added,), unknown="strength", usual=_STRENGTH
        )
