"""Entry point of the search: find the bugs that reproduce an incorrect submission."""

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
from verifier.diagnosis.costs import (
    COST_ESTIMATED_NUMBER,
    COST_NEW_BUG,
    COST_PER_RANK,
    MIN_FULL_LENGTH_SHARE,
    SAME_FACTOR_ROUNDINGS,
    SHORTER_BITS,
    STOP_COST,
    STOP_COST_WITH_PENALTIES,
)
from verifier.diagnosis.decoding import State, decode, with_equals
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.diagnosis.evidence import Evidence, gather
from verifier.diagnosis.finding import UNEXPLAINED_ID, Finding
from verifier.diagnosis.merging import merged
from verifier.diagnosis.overflow import overflow
from verifier.diagnosis.penalty_hypotheses import PenaltyHypothesis, declared, mistaken
from verifier.diagnosis.rules.numbers import decimals_of
from verifier.diagnosis.scaling import power_for, scaled, scaled_problem, scaled_rounding, unscaled
from verifier.diagnosis.wording import described
from verifier.precision import PRECISIONS, Precision, rounded
from verifier.rounding import Rounding, rounding

_PROVENANCES = ("numerical-gradient", "lower-precision-than-declared")


@np.errstate(all="ignore")  # a candidate that overflows or is undefined does not fit
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
    """Return the bugs behind the incorrect gradients, ordered from the output to the input.

    trace: the forward pass of this problem. comparisons: by submitted parameter.
    right: the right gradients of all parameters, in the parameters' shapes.
    allowed: rounding error in the declared precision.
    warnings: codes of the report's warnings; a provenance among them may explain the errors.
    budget: by default `budget_for(problem)`.
    The result is empty if no entry is incorrect. Errors without a known bug are `unexplained`.
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
    for noise, quantum, unit, also in _noise_hypotheses(problem, trace, submitted, allowed, precision):
        evidence = gather(
            problem,
            trace,
            submitted,
            wrong,
            reference,
            noise.allowance,
            noise.scale,
            quantum,
            unit=unit,
            coarser=also is not None,
        )
        findings = _findings(evidence, submitted, precision, budget)
        if also is not None:
            findings = (*findings, also)
        if best is None or not _is_unexplained(findings):
            best = (evidence, findings)
        if not _is_unexplained(findings) or budget.is_used_up:
            break
    assert best is not None  # the declared precision is always tried
    evidence, findings = best
    provenance = next((code for code in _PROVENANCES if code in warnings), None)
    everywhere = not any(c.to_rounding.all() and not c.uninformative.all() for c in comparisons.values())
    if provenance is not None and everywhere and _is_unexplained(findings):
        names = tuple(name for name, is_wrong in wrong.items() if is_wrong)
        findings = (Finding(provenance, None, "numbers", names),)
    alone = len(findings) == 1
    in_full = not budget.is_used_up
    return tuple(described(evidence, unscaled(finding, power), alone, in_full) for finding in findings)


def _is_unexplained(findings: tuple[Finding, ...]) -> bool:
    """True if some error has no known bug."""
    return not findings or any(finding.bug == UNEXPLAINED_ID for finding in findings)


def _noise_hypotheses(
    problem: Problem,
    trace: Trace,
    submitted: Mapping[str, Array],
    allowed: Rounding,
    precision: Precision,
) -> Iterator[tuple[Rounding, float, float, Finding | None]]:
    """Yield possible roundings: as declared, with printing to few decimals, in narrower precisions.

    Each has the rounding error, the quantum of printing, the unit roundoff, and a finding if undeclared.
    """
    yield allowed, 0.0, precision.unit_roundoff, None
    names = tuple(submitted)
    decimals = decimals_of(np.concatenate([array.ravel() for array in submitted.values()]))
    if decimals is not None:
        printed = Finding("rounded", None, "numbers", names, estimates={"digits": decimals})
        yield allowed, 0.5 * 10.0**-decimals, precision.unit_roundoff, printed
    for other in PRECISIONS.values():
        if other.unit_roundoff > precision.unit_roundoff and _is_of_precision(submitted, other):
            lower = Finding("lower-precision-than-declared", None, "numbers", names)
            yield rounding(problem, trace, other), 0.0, other.unit_roundoff, lower


def _is_of_precision(submitted: Mapping[str, Array], precision: Precision) -> bool:
    """True if all numbers fit a narrower format, and enough of them use its full length."""
    values = np.concatenate([array.ravel() for array in submitted.values()])
    if not (rounded(values, precision) == values).all():
        return False
    shorter = replace(precision, significand_bits=precision.significand_bits - SHORTER_BITS)
    return bool(np.mean(rounded(values, shorter) != values) > MIN_FULL_LENGTH_SHARE)


def _findings(
    evidence: Evidence, submitted: Mapping[str, Array], precision: Precision, budget: Budget
) -> tuple[Finding, ...]:
    """Return the findings of the cheapest explanation; `unexplained` if there is none."""
    overflow_finding = overflow(evidence, submitted, precision)
    whole_changes = sorted(changed_numbers(evidence), key=lambda finding: ORDER[finding.bug])
    state = _cheapest(evidence, budget)
    if whole_changes and (state is None or state.cost >= COST_NEW_BUG - COST_PER_RANK):
        best = State(
            COST_NEW_BUG + COST_PER_RANK * ORDER[whole_changes[0].bug], None, findings=(whole_changes[0],)
        )
        for other in whole_changes[1:]:
            best = with_equals(best, State(best.cost, None, findings=(other,)))
        if state is None or best.cost <= state.cost + 2 * COST_PER_RANK:
            state = best if state is None else with_equals(best, state)
        else:
            state = with_equals(state, best)
    findings = () if state is None else merged(evidence, state.findings)
    if overflow_finding is not None:
        return (overflow_finding, *(finding for finding in findings if finding.bug != UNEXPLAINED_ID))
    return findings or _left_over(evidence)


def _cheapest(evidence: Evidence, budget: Budget) -> State | None:
    """Return the best explanation under the declared penalties, or under wrong ones if it has several bugs.

    None if no gradient was submitted.
    """
    if not any(evidence.submitted_parts(index) for index in range(len(evidence.parts))):
        return None
    as_declared = declared(evidence)
    states = decode(evidence, as_declared, budget)
    stop_cost = STOP_COST_WITH_PENALTIES if evidence.problem.risk.penalties else STOP_COST
    if states[0].cost > stop_cost:
        for hypothesis in mistaken(evidence):
            if budget.is_used_up:
                break
            states += _decode_with_penalties(evidence, hypothesis, as_declared, budget, states[0].cost)
            states.sort(key=lambda state: state.cost)
    best = states[0]
    for other in states[1:]:
        best = with_equals(best, other)
    return best


def _decode_with_penalties(
    evidence: Evidence,
    hypothesis: PenaltyHypothesis,
    as_declared: PenaltyHypothesis,
    budget: Budget,
    cheapest: float,
) -> list[State]:
    """Return explanations under wrong penalties, which cost as any bug. cheapest: lowest cost so far."""
    bug = hypothesis.bug
    if bug is None:
        raise ValueError("a hypothesis of mistaken penalties needs the bug that it is, got none")
    factor = hypothesis.estimates.get("factor")
    names = tuple(
        part.name
        for parts in evidence.parts
        for part in parts.values()
        if part.is_submitted and not part.right
    )
    cost = COST_NEW_BUG + COST_ESTIMATED_NUMBER * hypothesis.unknowns + COST_PER_RANK * ORDER[bug.id]
    most = cheapest + COST_NEW_BUG - (cost if factor is None else 0.0)  # beyond, not even an equivalent bug
    states = decode(evidence, hypothesis, budget, most)
    if not states:
        return []
    residual, estimates = _residual(evidence, hypothesis, as_declared), hypothesis.estimates
    finding = Finding(bug.id, None, bug.equation, names, factor, residual, estimates)
    explanations = []
    for state in states:
        if factor is not None and _is_of_whole_gradient(
            state, factor, SAME_FACTOR_ROUNDINGS * evidence.relative_rounding
        ):
            explanations.append(state)
            continue
        explanations.append(replace(state, cost=state.cost + cost, findings=(finding, *state.findings)))
    return explanations


def _residual(
    evidence: Evidence, hypothesis: PenaltyHypothesis, as_declared: PenaltyHypothesis
) -> float | None:
    """Return the largest relative residual of the right gradient with these penalties.

    None if it exceeds rounding, so that there is another bug too.
    """
    worst = 0.0
    for index, parts in enumerate(evidence.parts):
        for kind, part in parts.items():
            if part.submitted is None:
                continue
            data = getattr(evidence.reference[index], kind) - getattr(as_declared.penalties[index], kind)
            data = data * hypothesis.data_factors.get(kind, 1.0)
            difference = part.submitted - data - getattr(hypothesis.penalties[index], kind)
            size = float(np.linalg.norm(part.submitted))
            if size > 0:
                worst = max(worst, float(np.linalg.norm(difference)) / size)
    return worst if worst <= evidence.worst_residual else None


def _is_of_whole_gradient(state: State, factor: float, relative_tolerance: float) -> bool:
    """True if the loss has the same factor, which is then one factor of the whole gradient."""
    loss_factors = [f.factor for f in state.findings if f.equation == "loss" and f.factor is not None]
    return len(loss_factors) == 1 and abs(loss_factors[0] - factor) <= relative_tolerance * abs(factor)


def _left_over(evidence: Evidence) -> tuple[Finding, ...]:
    """Return an `unexplained` finding for the last wrong gradient, if there is one."""
    for parts in reversed(evidence.parts):
        for part in parts.values():
            if part.is_submitted and not part.right:
                equation = PRODUCTS[part.kind]
                return (Finding(UNEXPLAINED_ID, part.layer, equation, (part.name,), residual=1.0),)
    return ()
