"""Search for the cheapest explanation of all layers, from the output to the input."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from math import inf

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.budget import SearchBudget
from verifier.diagnosis.catalogue.bug import PRODUCTS, Bug, UpstreamGradient
from verifier.diagnosis.costs import (
    BEAM_MARGIN,
    BEAM_WIDTH,
    BEAM_WIDTH_UNSEEN,
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
    SAME_STATE_RTOL,
)
from verifier.diagnosis.evidence import (
    SubmittedEvidence,
)
from verifier.diagnosis.explanation import explain, is_right
from verifier.diagnosis.fitting import RecoveredDelta, recover_delta
from verifier.diagnosis.hypotheses import (
    PenaltyHypothesis,
    right_delta,
    wrong_deltas,
)
from verifier.diagnosis.layer import DeltaCandidate, LayerExplanation, LayerHypothesis, gradient_targets
from verifier.report.model import UNEXPLAINED_ID, Finding


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
