"""Entry point of the search: find the bugs that reproduce an incorrect submission."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.diagnosis.beam_search import SearchState, beam_search, note_equivalent_bug
from verifier.diagnosis.budget import SearchBudget, budget_for
from verifier.diagnosis.catalogue import ORDER
from verifier.diagnosis.catalogue.bug import PRODUCTS
from verifier.diagnosis.costs import (
    COST_ESTIMATED_NUMBER,
    COST_NEW_BUG,
    COST_PER_RANK,
    SAME_FACTOR_ROUNDINGS,
    STOP_COST,
    STOP_COST_WITH_PENALTIES,
)
from verifier.diagnosis.evidence import (
    SubmittedEvidence,
    collect_evidence,
    scale_arrays,
    scaled_problem,
    scaled_rounding,
    scaling_exponent,
    unscale_finding,
)
from verifier.diagnosis.hypotheses import (
    PenaltyHypothesis,
    declared_penalties,
    wrong_penalties,
)
from verifier.diagnosis.noise import (
    NOISY,
    NoiseResult,
    completed,
    is_of_narrower_precision,
    is_unexplained,
    noise_hypotheses,
    number_grid,
    printed_form,
)
from verifier.diagnosis.whole_gradient import find_overflow, find_transformations
from verifier.diagnosis.wording import merge_findings, to_diagnosis
from verifier.engine.rounding_allowance import Rounding
from verifier.judging.comparison import Comparison
from verifier.problem.precision import Precision
from verifier.report.model import UNEXPLAINED_ID, Diagnosis, Finding

_PROVENANCES = ("numerical-gradient", "lower-precision-than-declared")


@np.errstate(all="ignore")  # a candidate that overflows or is undefined does not fit
def diagnose(
    problem: Problem,
    trace: Trace,
    comparisons: Mapping[str, Comparison],
    right: Mapping[str, Array],
    rounding_allowance: Rounding,
    precision: Precision,
    warnings: Collection[str] = (),
    budget: SearchBudget | None = None,
) -> tuple[Diagnosis, ...]:
    """Return the bugs behind the incorrect gradients, ordered from the output to the input.

    trace: the forward pass of this problem. comparisons: by submitted parameter.
    right: the right gradients of all parameters, in the parameters' shapes.
    rounding_allowance: rounding error in the declared precision.
    warnings: codes of the report's warnings; a provenance among them may explain the errors.
    budget: by default `budget_for(problem)`.
    The result is empty if no entry is incorrect. Errors without a known bug are `unexplained`.
    """
    submitted = {name: c.submitted for name, c in comparisons.items()}
    wrong = {name: bool(c.incorrect.any()) for name, c in comparisons.items()}
    if not any(wrong.values()):
        return ()
    reference = {**right, **{name: c.expected for name, c in comparisons.items()}}
    power = scaling_exponent(reference)
    if power:
        problem, rounding_allowance = (
            scaled_problem(problem, power),
            scaled_rounding(rounding_allowance, power),
        )
        submitted, reference = scale_arrays(submitted, power), scale_arrays(reference, power)
    budget = budget_for(problem) if budget is None else budget
    provenance = next((code for code in _PROVENANCES if code in warnings), None)
    if provenance == "lower-precision-than-declared" and not is_of_narrower_precision(problem, submitted):
        provenance = None  # noise of another origin may be as small
    everywhere = not any(c.to_rounding.all() and not c.uninformative.all() for c in comparisons.values())
    form = printed_form(submitted)
    grid = number_grid(submitted, form)
    best: NoiseResult | None = None
    for noise in noise_hypotheses(problem, trace, submitted, form, reference, rounding_allowance, precision):
        if noise.note is not None and noise.note.bug == NOISY and provenance is not None and everywhere:
            break  # the warning explains all numbers
        if best is not None and best.is_shorter_than(noise):
            continue
        evidence = collect_evidence(
            problem if noise.epsilon is None else noise.epsilon.problem,
            trace,
            submitted,
            wrong,
            reference if noise.epsilon is None else {**reference, **noise.epsilon.right},
            noise.allowance,
            noise.scale,
            noise.quantum,
            unit=noise.unit,
            coarser=noise.note is not None,
            grid=grid,
        )
        nothing_wrong = noise.note is not None and evidence.is_right
        if best is not None and budget.is_used_up and not nothing_wrong:
            continue
        findings: tuple[Finding, ...] = ()
        if not nothing_wrong:
            findings = _findings(evidence, submitted, precision, budget, noise.with_penalties)
        if noise.note is not None:
            findings = (*findings, completed(noise.note, evidence))
        result = NoiseResult(evidence, findings, noise)
        if best is None or result.rank < best.rank:
            best = result
        if best.is_shortest:
            break
    assert best is not None  # the declared precision is always tried
    evidence, findings = best.evidence, best.findings
    if provenance is not None and everywhere and is_unexplained(findings):
        names = tuple(name for name, is_wrong in wrong.items() if is_wrong)
        findings = (Finding(provenance, None, "numbers", names),)
    alone = len(findings) == 1
    in_full = not budget.is_used_up
    return tuple(
        to_diagnosis(evidence, unscale_finding(finding, power), alone, in_full) for finding in findings
    )


def _findings(
    evidence: SubmittedEvidence,
    submitted: Mapping[str, Array],
    precision: Precision,
    budget: SearchBudget,
    with_penalties: bool,
) -> tuple[Finding, ...]:
    """Return the findings of the cheapest explanation; `unexplained` if there is none."""
    overflow_finding = find_overflow(evidence, submitted, precision)
    whole_changes = sorted(find_transformations(evidence), key=lambda finding: ORDER[finding.bug])
    state = _cheapest(evidence, budget, with_penalties)
    if whole_changes and (state is None or state.cost >= COST_NEW_BUG - COST_PER_RANK):
        best = SearchState(
            COST_NEW_BUG + COST_PER_RANK * ORDER[whole_changes[0].bug], None, findings=(whole_changes[0],)
        )
        for other in whole_changes[1:]:
            best = note_equivalent_bug(best, SearchState(best.cost, None, findings=(other,)))
        if state is None or best.cost <= state.cost + 2 * COST_PER_RANK:
            state = best if state is None else note_equivalent_bug(best, state)
        else:
            state = note_equivalent_bug(state, best)
    findings = () if state is None else merge_findings(evidence, state.findings)
    if overflow_finding is not None:
        return (overflow_finding, *(finding for finding in findings if finding.bug != UNEXPLAINED_ID))
    return findings or _left_over(evidence)


def _cheapest(evidence: SubmittedEvidence, budget: SearchBudget, with_penalties: bool) -> SearchState | None:
    """Return the best explanation under the declared penalties, or under wrong ones if it has several bugs.

    None if no gradient was submitted.
    """
    if not evidence.all_submitted:
        return None
    as_declared = declared_penalties(evidence)
    states = beam_search(evidence, as_declared, budget)
    stop_cost = STOP_COST_WITH_PENALTIES if evidence.problem.risk.penalties else STOP_COST
    if states[0].cost > stop_cost and with_penalties and not _is_one_penalty(states[0]):
        for hypothesis in wrong_penalties(evidence):
            if budget.is_used_up:
                break
            states += _decode_with_penalties(evidence, hypothesis, as_declared, budget, states[0].cost)
            states.sort(key=lambda state: state.cost)
    best = states[0]
    for other in states[1:]:
        best = note_equivalent_bug(best, other)
    return best


def _is_one_penalty(state: SearchState) -> bool:
    """True if one mistake in the penalties of some layers explains all, so that no other is sought."""
    return len(state.known) == 1 and all(finding.equation == "penalty" for finding in state.findings)


def _decode_with_penalties(
    evidence: SubmittedEvidence,
    hypothesis: PenaltyHypothesis,
    as_declared: PenaltyHypothesis,
    budget: SearchBudget,
    cheapest: float,
) -> list[SearchState]:
    """Return explanations under wrong penalties, which cost as any bug. cheapest: lowest cost so far."""
    bug = hypothesis.bug
    if bug is None:
        raise ValueError("a hypothesis of mistaken penalties needs the bug that it is, got none")
    factor = hypothesis.estimates.get("factor")
    names = tuple(part.name for part in evidence.all_submitted if not part.right)
    cost = COST_NEW_BUG + COST_ESTIMATED_NUMBER * hypothesis.unknowns + COST_PER_RANK * ORDER[bug.id]
    most = cheapest + COST_NEW_BUG - (cost if factor is None else 0.0)  # beyond, not even an equivalent bug
    states = beam_search(evidence, hypothesis, budget, most)
    if not states:
        return []
    residual, estimates = _residual(evidence, hypothesis, as_declared), hypothesis.estimates
    finding = Finding(bug.id, None, bug.equation, names, factor, residual, estimates)
    explanations = []
    for state in states:
        if factor is not None and _is_of_whole_gradient(
            state, factor, SAME_FACTOR_ROUNDINGS * evidence.relative_rounding + evidence.relative_quantum
        ):
            explanations.append(state)
            continue
        explanations.append(replace(state, cost=state.cost + cost, findings=(finding, *state.findings)))
    return explanations


def _residual(
    evidence: SubmittedEvidence, hypothesis: PenaltyHypothesis, as_declared: PenaltyHypothesis
) -> float | None:
    """Return the largest relative residual of the right gradient with these penalties.

    None if it exceeds rounding, so that there is another bug too.
    """
    worst = 0.0
    for part in evidence.all_submitted:
        index, kind, submitted = part.layer, part.kind, np.asarray(part.submitted)
        data = getattr(evidence.reference[index], kind) - getattr(as_declared.penalties[index], kind)
        data = data * hypothesis.data_factors.get(kind, 1.0)
        difference = submitted - data - getattr(hypothesis.penalties[index], kind)
        size = float(np.linalg.norm(submitted))
        if size > 0:
            worst = max(worst, float(np.linalg.norm(difference)) / size)
    return worst if worst <= evidence.worst_residual else None


def _is_of_whole_gradient(state: SearchState, factor: float, relative_tolerance: float) -> bool:
    """True if the loss has the same factor, which is then one factor of the whole gradient."""
    loss_factors = [f.factor for f in state.findings if f.equation == "loss" and f.factor is not None]
    return len(loss_factors) == 1 and abs(loss_factors[0] - factor) <= relative_tolerance * abs(factor)


def _left_over(evidence: SubmittedEvidence) -> tuple[Finding, ...]:
    """Return an `unexplained` finding for the last wrong gradient, if there is one."""
    for parts in reversed(evidence.parts):
        for part in parts.values():
            if part.is_submitted and not part.right:
                equation = PRODUCTS[part.kind]
                return (Finding(UNEXPLAINED_ID, part.layer, equation, (part.name,), residual=1.0),)
    return ()
