"""diagnose(): from an incorrect submission to the mistakes that reproduce it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.comparison import Comparison
from verifier.diagnosis.budget import Budget, budget_for
from verifier.diagnosis.bug import PRODUCTS
from verifier.diagnosis.bugs import ORDER
from verifier.diagnosis.changed_numbers import changed_numbers
from verifier.diagnosis.decoding import State, decode, with_equals
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.diagnosis.evidence import Evidence, gather
from verifier.diagnosis.finding import NEW, RARE, UNEXPLAINED_ID, UNKNOWN, Finding
from verifier.diagnosis.merging import merged
from verifier.diagnosis.overflow import overflow
from verifier.diagnosis.penalty_hypotheses import PenaltyHypothesis, declared, mistaken
from verifier.diagnosis.rules.numbers import decimals_of
from verifier.diagnosis.scaling import power_for, scaled, scaled_problem, scaled_rounding, unscaled
from verifier.diagnosis.wording import described
from verifier.precision import PRECISIONS, Precision, rounded
from verifier.rounding import Rounding, rounding

_PROVENANCES = ("numerical-gradient", "lower-precision-than-declared")
_SHORT = 3  # bits fewer, into which numbers of full length do not fit
_SHARE = 0.5  # of the numbers that must be of full length
_SAME_FACTOR = 100.0  # times the relative rounding of an entry
_ENOUGH_WITH_PENALTIES = 1.05
_ENOUGH = 1.9  # cost up to which an explanation is believed without trying the penalties


@np.errstate(all="ignore")  # a candidate may overflow or be undefined: it then explains nothing
def diagnose(
    problem: Problem,
    trace: Trace,
    comparisons: Mapping[str, Comparison],
    right: Mapping[str, Array],
    allowed: Rounding,
    precision: Precision,
    warnings: Collection[str] = (),
    budget: Budget | None = None,
) -> tuple[Diagnosis, ...]:
    """Name the mistakes behind the incorrect parameters, from the output to the input.

    comparisons: by parameter handed in. right: the gradients of all, in the parameters' shapes.
    allowed: rounding as declared. trace: the forward pass of this problem.
    warnings: codes of what is known already; how the numbers were come by may explain them.
    budget: what the search may compute; by default enough for this problem.
    Empty where no entry is incorrect. Whatever no bug reproduces is `unexplained`.
    """
    submitted = {name: c.submitted for name, c in comparisons.items()}
    wrong = {name: bool(c.incorrect.any()) for name, c in comparisons.items()}
    if not any(wrong.values()):
        return ()
    reference = {**right, **{name: c.expected for name, c in comparisons.items()}}
    power = power_for(reference)
    if power:
        problem, allowed = scaled_problem(problem, power), scaled_rounding(allowed, power)
        submitted, reference = scaled(submitted, power), scaled(reference, power)
    budget = budget_for(problem) if budget is None else budget
    best: tuple[Evidence, tuple[Finding, ...]] | None = None
    for blurred, quantum, unit, also in _blurs(problem, trace, submitted, allowed, precision):
        evidence = gather(
            problem,
            trace,
            submitted,
            wrong,
            reference,
            blurred.allowance,
            blurred.scale,
            quantum,
            unit=unit,
            coarser=also is not None,
        )
        findings = _findings(evidence, submitted, precision, budget)
        if also is not None:
            findings = (*findings, also)
        if best is None or not _open(findings):
            best = (evidence, findings)
        if not _open(findings) or budget.is_used_up:
            break
    assert best is not None  # the declared precision is always tried
    evidence, findings = best
    provenance = next((code for code in _PROVENANCES if code in warnings), None)
    everywhere = not any(c.to_rounding.all() and not c.uninformative.all() for c in comparisons.values())
    if provenance is not None and everywhere and _open(findings):
        names = tuple(name for name, is_wrong in wrong.items() if is_wrong)
        findings = (Finding(provenance, None, "numbers", names),)
    alone = len(findings) == 1
    in_full = not budget.is_used_up
    return tuple(described(evidence, unscaled(finding, power), alone, in_full) for finding in findings)


def _open(findings: tuple[Finding, ...]) -> bool:
    return not findings or any(finding.bug == UNEXPLAINED_ID for finding in findings)


def _blurs(
    problem: Problem,
    trace: Trace,
    submitted: Mapping[str, Array],
    allowed: Rounding,
    precision: Precision,
) -> Iterator[tuple[Rounding, float, float, Finding | None]]:
    """Give rounding as declared; as printing to few decimals may add; and that of narrower precisions."""
    yield allowed, 0.0, precision.unit_roundoff, None
    names = tuple(submitted)
    decimals = decimals_of(np.concatenate([array.ravel() for array in submitted.values()]))
    if decimals is not None:
        printed = Finding("rounded", None, "numbers", names, estimates={"digits": decimals})
        yield allowed, 0.5 * 10.0**-decimals, precision.unit_roundoff, printed
    for other in PRECISIONS.values():
        if other.unit_roundoff > precision.unit_roundoff and _shows(submitted, other):
            lower = Finding("lower-precision-than-declared", None, "numbers", names)
            yield rounding(problem, trace, other), 0.0, other.unit_roundoff, lower


def _shows(submitted: Mapping[str, Array], precision: Precision) -> bool:
    """Say whether all numbers are of a narrower format, and not only since they are short."""
    values = np.concatenate([array.ravel() for array in submitted.values()])
    if not (rounded(values, precision) == values).all():
        return False
    shorter = replace(precision, significand_bits=precision.significand_bits - _SHORT)
    return bool(np.mean(rounded(values, shorter) != values) > _SHARE)


def _findings(
    evidence: Evidence, submitted: Mapping[str, Array], precision: Precision, budget: Budget
) -> tuple[Finding, ...]:
    """Give the cheapest explanation; what none reaches is unexplained."""
    broken = overflow(evidence, submitted, precision)
    whole = sorted(changed_numbers(evidence), key=lambda finding: ORDER[finding.bug])
    state = _cheapest(evidence, budget)
    if whole and (state is None or state.cost >= NEW - RARE):
        best = State(NEW + RARE * ORDER[whole[0].bug], None, findings=(whole[0],))
        for other in whole[1:]:
            best = with_equals(best, State(best.cost, None, findings=(other,)))
        if state is None or best.cost <= state.cost + 2 * RARE:
            state = best if state is None else with_equals(best, state)
        else:
            state = with_equals(state, best)
    found = () if state is None else merged(evidence, state.findings)
    if broken is not None:
        return (broken, *(finding for finding in found if finding.bug != UNEXPLAINED_ID))
    return found or _left_over(evidence)


def _cheapest(evidence: Evidence, budget: Budget) -> State | None:
    """Decode under the declared penalties; under mistaken ones where that leaves more than one mistake."""
    if not any(evidence.given(index) for index in range(len(evidence.parts))):
        return None
    as_declared = declared(evidence)
    states = decode(evidence, as_declared, budget)
    enough = _ENOUGH_WITH_PENALTIES if evidence.problem.risk.penalties else _ENOUGH
    if states[0].cost > enough:
        for hypothesis in mistaken(evidence):
            if budget.is_used_up:
                break
            states += _decoded(evidence, hypothesis, as_declared, budget, states[0].cost)
            states.sort(key=lambda state: state.cost)
    best = states[0]
    for other in states[1:]:
        best = with_equals(best, other)
    return best


def _decoded(
    evidence: Evidence,
    hypothesis: PenaltyHypothesis,
    as_declared: PenaltyHypothesis,
    budget: Budget,
    cheapest: float,
) -> list[State]:
    """Decode under mistaken penalties, which cost as any mistake. cheapest: what the best costs so far."""
    bug = hypothesis.bug
    if bug is None:
        raise ValueError("a hypothesis of mistaken penalties needs the bug that it is, got none")
    factor = hypothesis.estimates.get("factor")
    names = tuple(
        part.name for parts in evidence.parts for part in parts.values() if part.given and not part.right
    )
    cost = NEW + UNKNOWN * hypothesis.unknowns + RARE * ORDER[bug.id]
    most = cheapest + NEW - (cost if factor is None else 0.0)  # what costs more is not even noted beside it
    states = decode(evidence, hypothesis, budget, most)
    if not states:
        return []
    residual, estimates = _residual(evidence, hypothesis, as_declared), hypothesis.estimates
    finding = Finding(bug.id, None, bug.equation, names, factor, residual, estimates)
    grown = []
    for state in states:
        if factor is not None and _is_of_whole_gradient(state, factor, _SAME_FACTOR * evidence.blur):
            grown.append(state)
            continue
        grown.append(replace(state, cost=state.cost + cost, findings=(finding, *state.findings)))
    return grown


def _residual(
    evidence: Evidence, hypothesis: PenaltyHypothesis, as_declared: PenaltyHypothesis
) -> float | None:
    """Give what the right gradient with these penalties leaves; None where that is not the whole story."""
    worst = 0.0
    for index, parts in enumerate(evidence.parts):
        for kind, part in parts.items():
            if part.submitted is None:
                continue
            data = getattr(evidence.reference[index], kind) - getattr(as_declared.penalties[index], kind)
            data = data * hypothesis.data_factors.get(kind, 1.0)
            left = part.submitted - data - getattr(hypothesis.penalties[index], kind)
            size = float(np.linalg.norm(part.submitted))
            if size > 0:
                worst = max(worst, float(np.linalg.norm(left)) / size)
    return worst if worst <= evidence.worst_residual else None


def _is_of_whole_gradient(state: State, factor: float, blur: float) -> bool:
    """Where loss and penalty have the same factor, the whole gradient has it, and no penalty is wrong."""
    of_loss = [f.factor for f in state.findings if f.equation == "loss" and f.factor is not None]
    return len(of_loss) == 1 and abs(of_loss[0] - factor) <= blur * abs(factor)


def _left_over(evidence: Evidence) -> tuple[Finding, ...]:
    for parts in reversed(evidence.parts):
        for part in parts.values():
            if part.given and not part.right:
                equation = PRODUCTS[part.kind]
                return (Finding(UNEXPLAINED_ID, part.layer, equation, (part.name,), residual=1.0),)
    return ()
