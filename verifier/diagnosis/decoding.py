"""Which mistakes reproduce a submission: layer by layer, from the output to the input.

At each layer every candidate for δ is tried on what was handed in, given the δ that came from above; several
mistakes in several layers so cost layers times bugs, not bugs to the power of layers. Of explanations that
fit, the one with the fewest mistakes is taken.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from reference_impl.network import Parameters
from verifier.diagnosis.bug import Flow
from verifier.diagnosis.delta_candidates import right_delta, wrong_deltas
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.finding import RARE, UNEXPLAINED, UNEXPLAINED_ID, Finding
from verifier.diagnosis.layer import Delta, Layer, LayerExplanation
from verifier.diagnosis.layer_explanation import explain, is_right
from verifier.diagnosis.part_explanation import PRODUCTS
from verifier.diagnosis.recovery import recover_delta

_KEPT = 8  # explanations carried on to the next layer
_KEPT_UNSEEN = 12  # where nothing of a layer was handed in, so that only the layers below can tell
_MARGIN = 2.5  # of cost above the cheapest, up to which an explanation is carried on
_BOTH_PRODUCTS = 2.0  # two wrong products are less likely than one wrong δ
_UNKNOWN_DELTA = 1.5
_UNJUDGED = 0.75  # a layer that cannot be judged, as what comes to it is not known
_RECOVERED = 0.2
_UNTESTED = 0.5
_TWIN = 6.0  # times the relative rounding, within which two δ are the same


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What explains the layers so far. delta: None where it is not known."""

    cost: float
    delta: Delta | None
    blur: float = 1.0
    findings: tuple[Finding, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        return frozenset(finding.bug for finding in self.findings)

    @property
    def bugs(self) -> int:
        return len(self.findings)


def decode(
    evidence: Evidence,
    penalties: Parameters,
    declared: bool = True,
    data_factors: Mapping[str, float] | None = None,
) -> list[State]:
    """Give explanations of the whole submission, cheapest first; the last, if need be, is `unexplained`.

    penalties: by layer, in the parameters' shapes, what they add to every gradient under the hypothesis at
    hand. declared: it is the right one.
    data_factors: see `PenaltyHypothesis`.
    """
    states = [State(0.0, None)]
    last = len(evidence.parts) - 1
    for index in reversed(range(last + 1)):
        grown: list[State] = []
        for state in states:
            layer = Layer(evidence, index, state.known, state.blur, declared, penalties, data_factors or {})
            grown += _grow(layer, state, top=index == last)
        seen = bool(evidence.given(index))
        states = _fewest(grown, _KEPT if seen else _KEPT_UNSEEN)
        if not declared and states and states[0].cost >= UNEXPLAINED:
            return []  # penalties are mistaken only where that explains what they are part of
    return states


def _grow(layer: Layer, state: State, top: bool) -> Iterator[State]:
    if state.delta is None and not top:
        yield from _after_unknown(layer, state)
        return
    right = right_delta(layer, None if top else state.delta)
    if is_right(layer, right):
        yield replace(state, delta=right)
        return
    layer = replace(layer, right_delta=right.flow.delta)
    if state.findings and not layer.evidence.given(layer.index):
        yield replace(state, delta=right)  # one bug may hide in layers that nobody saw, not a chain of them
        return
    wrong = [
        delta
        for delta in wrong_deltas(layer, None if top else state.delta)
        if not _is_twin(layer, delta, right)
    ]
    if not layer.evidence.given(layer.index):
        yield replace(state, delta=right)
        yield from (_unseen(layer, state, delta) for delta in wrong)
        return
    explanations = [e for delta in (right, *wrong) for e in explain(layer, delta, len(wrong) + 1)]
    for explanation in explanations:
        yield _extended(state, explanation)
    if min((e.cost for e in explanations), default=UNEXPLAINED) >= UNEXPLAINED:
        yield from _unexplained(layer, state, right, "output_delta" if top else "hidden_delta")


def _is_twin(layer: Layer, delta: Delta, right: Delta) -> bool:
    """Say whether a wrong rule gives the right δ here, as where the derivative that it misses is 1."""
    distance = np.abs(delta.flow.delta - right.flow.delta)
    if not (distance <= _TWIN * layer.evidence.blur * right.size).all():
        return False
    mine, its = delta.flow.upstream, right.flow.upstream
    return layer.index == 0 or (mine is not None and its is not None and np.array_equal(mine, its))


def _extended(state: State, explanation: LayerExplanation) -> State:
    delta = Delta(explanation.flow, right=explanation.right)
    blur = max(state.blur, explanation.blur)
    return State(state.cost + explanation.cost, delta, blur, (*state.findings, *explanation.findings))


def _unseen(layer: Layer, state: State, delta: Delta) -> State:
    """Suppose a bug in a layer of which nothing was handed in; the layers below will tell."""
    if delta.bug is None:
        return replace(state, delta=delta)
    where = None if delta.whole else layer.index
    finding = Finding(
        delta.bug.id,
        where,
        delta.equation,
        (),
        factor=delta.estimates.get("factor"),
        estimates=delta.estimates,
    )
    cost = state.cost + layer.price(delta.bug.id)
    return State(cost, Delta(delta.flow), state.blur, (*state.findings, finding))


def _unexplained(layer: Layer, state: State, right: Delta, equation: str) -> Iterator[State]:
    """No row of the table fits: δ is wrong, and perhaps recovered, or the products of a right δ are."""
    penalty = {"weight": layer.penalty.weight} | (
        {} if layer.penalty.bias is None else {"bias": layer.penalty.bias}
    )
    given = layer.evidence.given(layer.index)
    names = tuple(part.name for part in given)
    of_delta = Finding(UNEXPLAINED_ID, layer.index, equation, names, residual=1.0)
    recovered = recover_delta(layer.evidence, layer.index, penalty)
    if recovered is not None:
        cost = state.cost + UNEXPLAINED + (_RECOVERED if recovered.tested else _UNTESTED)
        if recovered.tested and not any(part.kind == "bias" for part in given):
            cost -= 2 * _RECOVERED  # a wrong product would hardly be one of the inputs with any δ
        delta = Delta(Flow(recovered.delta, None))
        yield State(cost, delta, max(state.blur, recovered.blur), (*state.findings, of_delta))
    products = tuple(
        Finding(UNEXPLAINED_ID, layer.index, PRODUCTS[part.kind], (part.name,), residual=1.0)
        for part in given
        if not part.right
    )
    if products:
        cost = state.cost + UNEXPLAINED + (_BOTH_PRODUCTS if len(products) > 1 else 0.0)
        yield State(cost, right, state.blur, (*state.findings, *products))
    cost = state.cost + UNEXPLAINED + _UNKNOWN_DELTA
    yield State(cost, None, state.blur, (*state.findings, of_delta))


def _after_unknown(layer: Layer, state: State) -> Iterator[State]:
    """Below an unknown δ: take up the submitter's own where it can be recovered; blame nothing."""
    penalty = {"weight": layer.penalty.weight} | (
        {} if layer.penalty.bias is None else {"bias": layer.penalty.bias}
    )
    recovered = recover_delta(layer.evidence, layer.index, penalty)
    cost = state.cost + _UNJUDGED
    if recovered is not None and recovered.tested:
        yield State(cost, Delta(Flow(recovered.delta, None)), recovered.blur, state.findings)
    else:
        yield State(cost, None, state.blur, state.findings)


def _fewest(states: list[State], most: int) -> list[State]:
    """Keep the cheapest; of those that send down the same δ only one, with the others' bugs noted on it."""
    kept: list[State] = []
    for state in sorted(states, key=lambda s: s.cost):
        if state.cost > states_least(states) + _MARGIN:
            break
        same = next((i for i, other in enumerate(kept) if _same_delta(state, other)), None)
        if same is None:
            if len(kept) < most:
                kept.append(state)
        else:
            kept[same] = with_equals(kept[same], state)
    return kept


def states_least(states: list[State]) -> float:
    return min(state.cost for state in states)


def _same_delta(state: State, other: State) -> bool:
    if state.delta is None or other.delta is None:
        return state.delta is other.delta
    mine, theirs = state.delta.flow.delta, other.delta.flow.delta
    with np.errstate(all="ignore"):
        size = float(np.abs(theirs).max())
        alike = float(np.abs(mine - theirs).max()) <= 1e-9 * size
    if not alike or (state.delta.flow.upstream is None) != (other.delta.flow.upstream is None):
        return False
    if state.delta.flow.upstream is None or other.delta.flow.upstream is None:
        return True
    up, down = state.delta.flow.upstream, other.delta.flow.upstream
    with np.errstate(all="ignore"):
        return bool(np.allclose(up, down, rtol=1e-9, atol=1e-12 * float(np.abs(down).max())))


def with_equals(best: State, other: State) -> State:
    """Note on the findings of one state those of another that explains as much with as few."""
    if best.bugs != other.bugs or UNEXPLAINED_ID in best.known | other.known:
        return best
    if other.cost - best.cost >= 1.0 - RARE:
        return best
    differing = [
        (i, mine, theirs)
        for i, (mine, theirs) in enumerate(zip(best.findings, other.findings, strict=True))
        if mine.bug != theirs.bug
    ]
    if len(differing) != 1:
        return best
    i, mine, theirs = differing[0]
    also = tuple(bug for bug in dict.fromkeys((*mine.also, theirs.bug, *theirs.also)) if bug != mine.bug)
    findings = (*best.findings[:i], replace(mine, also=also), *best.findings[i + 1 :])
    return replace(best, findings=findings)
