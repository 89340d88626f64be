"""Entry point of the search: find the bugs that reproduce an incorrect submission."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from math import inf

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.diagnosis.budget import SearchBudget, budget_for
from verifier.diagnosis.catalogue import ORDER
from verifier.diagnosis.catalogue.bug import PRODUCTS, Bug, UpstreamGradient
from verifier.diagnosis.costs import (
    BEAM_MARGIN,
    BEAM_WIDTH,
    BEAM_WIDTH_UNSEEN,
    COST_ESTIMATED_NUMBER,
    COST_NEW_BUG,
    COST_PER_RANK,
    COST_RECOVERED_DELTA,
    COST_RIGHT_BIAS,
    COST_SECOND_WRONG_PRODUCT,
    COST_UNEXPLAINED,
    COST_UNJUDGED_LAYER,
    COST_UNKNOWN_DELTA,
    COST_UNTESTED_DELTA,
    SAME_DELTA_ROUNDINGS,
    SAME_FACTOR_ROUNDINGS,
    SAME_STATE_RTOL,
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
from verifier.diagnosis.explanation import explain, is_right
from verifier.diagnosis.fitting import RecoveredDelta, recover_delta
from verifier.diagnosis.hypotheses import (
    PenaltyHypothesis,
    declared_penalties,
    right_delta,
    wrong_deltas,
    wrong_penalties,
)
from verifier.diagnosis.layer import DeltaCandidate, LayerExplanation, LayerHypothesis, gradient_targets
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


@dataclass(frozen=True, slots=True, eq=False)
class SearchState:
    """An explanation of the layers so far. delta: of the last layer; None if unknown."""

    cost: float
    delta: DeltaCandidate | None
    noise_factor: float = 1.0
    findings: tuple[Finding, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        """Ids of the bugs."""
        return frozenset(finding.bug for finding in self.findings)

    @property
    def bugs(self) -> int:
        return len(self.findings)


def beam_search(
    evidence: SubmittedEvidence, hypothesis: PenaltyHypothesis, budget: SearchBudget, most: float = inf
) -> list[SearchState]:
    """Return explanations of the whole submission, cheapest first; without a fit they contain `unexplained`.

    most: largest cost of interest, under wrong penalties. If the budget is used up, the cheapest explanation
    so far is continued by the right rules; under wrong penalties the result is empty.
    """
    is_declared = hypothesis.bug is None
    states = [SearchState(0.0, None)]
    last = len(evidence.parts) - 1
    for index in reversed(range(last + 1)):
        penalty = hypothesis.penalties[index]
        targets = gradient_targets(evidence, index, penalty, hypothesis.data_factors)
        layer = LayerHypothesis(evidence, index, is_declared, hypothesis.penalties, targets, budget)
        recovered = cache(partial(recover_delta, evidence, index, penalty))
        extended: list[SearchState] = []
        for state in states:
            if extended and budget.is_used_up:
                break
            layer_of_state = replace(
                layer,
                known=state.known,
                noise_factor=state.noise_factor,
                unexplained=frozenset(f.equation for f in state.findings if f.bug == UNEXPLAINED_ID),
            )
            extended += _extend(layer_of_state, state, recovered, top=index == last)
        states = _prune(extended, BEAM_WIDTH if targets else BEAM_WIDTH_UNSEEN)
        if is_declared:
            continue
        states = [state for state in states if state.cost <= most]
        if not states or states[0].cost >= COST_UNEXPLAINED or budget.is_used_up:
            return []  # wrong penalties must explain the gradients that contain them
    return states


def _extend(
    layer: LayerHypothesis, state: SearchState, recovered: Callable[[], RecoveredDelta | None], top: bool
) -> Iterator[SearchState]:
    """Yield extensions of a state by one layer. recovered: computes the submitted program's δ if possible."""
    if state.delta is None and not top:
        yield _after_unknown(state, recovered())
        return
    right = right_delta(layer, None if top else state.delta)
    if is_right(layer, right):
        yield replace(state, delta=right)
        return
    layer = replace(layer, right_delta=right.flow.delta)
    if not layer.targets:
        yield replace(state, delta=right)
    if not layer.targets and (state.findings or not layer.declared):
        return  # layers without gradients: at most one bug is assumed, and none beside wrong penalties
    wrong = [
        (delta, delta.bug)
        for delta in (() if layer.budget.is_used_up else wrong_deltas(layer, None if top else state.delta))
        if delta.bug is not None and not _is_twin(layer, delta, right)
    ]
    if not layer.targets:
        yield from (_unseen(layer, state, delta, bug) for delta, bug in wrong)
        return
    deltas = (right, *(delta for delta, _ in wrong))
    explanations = [e for delta in deltas for e in explain(layer, delta, len(deltas))]
    for explanation in explanations:
        yield _extended(state, explanation)
    if min((e.cost for e in explanations), default=COST_UNEXPLAINED) >= COST_UNEXPLAINED:
        yield from _unexplained(layer, state, right, recovered(), "output_delta" if top else "hidden_delta")


def _is_twin(layer: LayerHypothesis, delta: DeltaCandidate, right: DeltaCandidate) -> bool:
    """True if a wrong rule gives the right δ on this problem, for instance if a missing derivative is 1."""
    distance = np.abs(delta.flow.delta - right.flow.delta)
    if not (distance <= SAME_DELTA_ROUNDINGS * layer.evidence.relative_rounding * right.size).all():
        return False
    wrong_upstream, right_upstream = delta.flow.upstream, right.flow.upstream
    return layer.index == 0 or (
        wrong_upstream is not None
        and right_upstream is not None
        and np.array_equal(wrong_upstream, right_upstream)
    )


def _extended(state: SearchState, explanation: LayerExplanation) -> SearchState:
    delta = DeltaCandidate(explanation.flow, right=explanation.right)
    noise_factor = max(state.noise_factor, explanation.noise_factor)
    return SearchState(
        state.cost + explanation.cost, delta, noise_factor, (*state.findings, *explanation.findings)
    )


def _unseen(layer: LayerHypothesis, state: SearchState, delta: DeltaCandidate, bug: Bug) -> SearchState:
    """Return a state with a bug in a layer without submitted gradients, to be tested in the layers below."""
    where = None if delta.whole else layer.index
    factor = delta.estimates.get("factor")
    finding = Finding(bug.id, where, delta.equation, (), factor=factor, estimates=delta.estimates)
    cost = state.cost + layer.price(bug.id)
    return SearchState(cost, DeltaCandidate(delta.flow), state.noise_factor, (*state.findings, finding))


def _unexplained(
    layer: LayerHypothesis,
    state: SearchState,
    right: DeltaCandidate,
    recovered: RecoveredDelta | None,
    equation: str,
) -> Iterator[SearchState]:
    """Yield states for a layer without a known bug: δ is wrong (recovered or not), or its products are."""
    parts = layer.evidence.submitted_parts(layer.index)
    names = tuple(part.name for part in parts)
    of_delta = Finding(UNEXPLAINED_ID, layer.index, equation, names, residual=1.0)
    if recovered is not None:
        cost = (
            state.cost
            + COST_UNEXPLAINED
            + (COST_RECOVERED_DELTA if recovered.tested else COST_UNTESTED_DELTA)
        )
        if recovered.tested and not any(part.kind == "bias" for part in parts):
            cost -= 2 * COST_RECOVERED_DELTA  # a wrong product hardly equals the inputs times some δ
        delta = DeltaCandidate(UpstreamGradient(recovered.delta, None))
        yield SearchState(
            cost, delta, max(state.noise_factor, recovered.noise_factor), (*state.findings, of_delta)
        )
    products = tuple(
        Finding(UNEXPLAINED_ID, layer.index, PRODUCTS[part.kind], (part.name,), residual=1.0)
        for part in parts
        if not part.right
    )
    if products:
        first = max(layer.price_unexplained(product.equation) for product in products)
        cost = state.cost + first + (COST_SECOND_WRONG_PRODUCT if len(products) > 1 else 0.0)
        yield SearchState(cost, right, state.noise_factor, (*state.findings, *products))
    cost = state.cost + COST_UNEXPLAINED + COST_UNKNOWN_DELTA
    if any(part.kind == "bias" and part.right and np.any(part.submitted) for part in parts):
        cost += COST_RIGHT_BIAS
    yield SearchState(cost, None, state.noise_factor, (*state.findings, of_delta))


def _after_unknown(state: SearchState, recovered: RecoveredDelta | None) -> SearchState:
    """Return the state below an unknown δ: with the recovered δ if possible, and no finding."""
    cost = state.cost + COST_UNJUDGED_LAYER
    if recovered is not None and recovered.tested:
        return SearchState(
            cost,
            DeltaCandidate(UpstreamGradient(recovered.delta, None)),
            recovered.noise_factor,
            state.findings,
        )
    return SearchState(cost, None, state.noise_factor, state.findings)


def _prune(states: list[SearchState], most: int) -> list[SearchState]:
    """Return the cheapest states, one for each δ, with the bugs of equivalent states noted on it."""
    kept: list[SearchState] = []
    ordered = sorted(states, key=lambda state: state.cost)
    for state in ordered:
        if state.cost > ordered[0].cost + BEAM_MARGIN:
            break
        same = next((i for i, other in enumerate(kept) if _same_delta(state, other)), None)
        if same is None:
            if len(kept) < most:
                kept.append(state)
        else:
            kept[same] = note_equivalent_bug(kept[same], state)
    return kept


def _same_delta(state: SearchState, other: SearchState) -> bool:
    if state.delta is None or other.delta is None:
        return state.delta is other.delta
    flow, other_flow = state.delta.flow, other.delta.flow
    return _alike(flow.delta, other_flow.delta) and _alike(flow.upstream, other_flow.upstream)


@np.errstate(all="ignore")
def _alike(first: Array | None, second: Array | None) -> bool:
    if first is None or second is None:
        return first is second
    return bool(np.abs(first - second).max() <= SAME_STATE_RTOL * np.abs(second).max())


def note_equivalent_bug(best: SearchState, other: SearchState) -> SearchState:
    """Return the better state, with the bug of another noted on it if they differ in one bug only."""
    if best.bugs != other.bugs or UNEXPLAINED_ID in best.known | other.known:
        return best
    if other.cost - best.cost >= COST_NEW_BUG - COST_PER_RANK:
        return best
    differing = [
        (i, finding, other_finding)
        for i, (finding, other_finding) in enumerate(zip(best.findings, other.findings, strict=True))
        if finding.bug != other_finding.bug
    ]
    if len(differing) != 1:
        return best
    i, finding, other_finding = differing[0]
    equivalent_bugs = tuple(
        bug
        for bug in dict.fromkeys(
            (*finding.equivalent_bugs, other_finding.bug, *other_finding.equivalent_bugs)
        )
        if bug != finding.bug
    )
    findings = (
        *best.findings[:i],
        replace(finding, equivalent_bugs=equivalent_bugs),
        *best.findings[i + 1 :],
    )
    return replace(best, findings=findings)


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
    if not any(evidence.submitted_parts(index) for index in range(len(evidence.parts))):
        return None
    as_declared = declared_penalties(evidence)
    states = beam_search(evidence, as_declared, budget)
    stop_cost = STOP_COST_WITH_PENALTIES if evidence.problem.risk.penalties else STOP_COST
    if states[0].cost > stop_cost and with_penalties:
        for hypothesis in wrong_penalties(evidence):
            if budget.is_used_up:
                break
            states += _decode_with_penalties(evidence, hypothesis, as_declared, budget, states[0].cost)
            states.sort(key=lambda state: state.cost)
    best = states[0]
    for other in states[1:]:
        best = note_equivalent_bug(best, other)
    return best


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
    names = tuple(
        part.name
        for parts in evidence.parts
        for part in parts.values()
        if part.is_submitted and not part.right
    )
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
