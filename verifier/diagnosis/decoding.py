"""Which mistakes reproduce a submission: layer by layer, from the output to the input.

At each layer every candidate for δ is tried on what was handed in, given the δ that came from above; several
mistakes in several layers so cost layers times bugs, not bugs to the power of layers. Of explanations that
fit, the one with the fewest mistakes is taken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from math import inf

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.budget import Budget
from verifier.diagnosis.bug import PRODUCTS, Bug, Flow
from verifier.diagnosis.delta_candidates import right_delta, wrong_deltas
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.finding import RARE, UNEXPLAINED, UNEXPLAINED_ID, Finding
from verifier.diagnosis.layer import Delta, Layer, LayerExplanation, targets_of
from verifier.diagnosis.layer_explanation import explain, is_right
from verifier.diagnosis.penalty_hypotheses import PenaltyHypothesis
from verifier.diagnosis.recovery import Recovered, recover_delta

_KEPT = 8  # explanations carried on to the next layer
_KEPT_UNSEEN = 12  # where nothing of a layer was handed in, so that only the layers below can tell
_MARGIN = 2.5  # of cost above the cheapest, up to which an explanation is carried on
_BOTH_PRODUCTS = 2.0  # two wrong products are less likely than one wrong δ
_UNKNOWN_DELTA = 1.5
_UNJUDGED = 0.75  # a layer that cannot be judged, as what comes to it is not known
_RECOVERED = 0.2
_UNTESTED = 0.5
_ALIKE = 1e-9  # of the largest entry, within which two states send down the same
_SAME_DELTA = 6.0  # times the relative rounding, within which two δ are the same


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
    evidence: Evidence, hypothesis: PenaltyHypothesis, budget: Budget, most: float = inf
) -> list[State]:
    """Give explanations of the whole submission, cheapest first; the last, if need be, is `unexplained`.

    most: of cost, beyond which nobody asks. Where the budget is used up on the way, the cheapest explanation
    so far goes on by the right rules alone; under mistaken penalties nothing is given.
    """
    declared = hypothesis.bug is None
    states = [State(0.0, None)]
    last = len(evidence.parts) - 1
    for index in reversed(range(last + 1)):
        penalty = hypothesis.penalties[index]
        targets = targets_of(evidence, index, penalty, hypothesis.data_factors)
        layer = Layer(evidence, index, declared, hypothesis.penalties, targets, budget)
        recovered = cache(partial(recover_delta, evidence, index, penalty))
        grown: list[State] = []
        for state in states:
            if grown and budget.is_used_up:
                break
            own = replace(layer, known=state.known, blur=state.blur)
            grown += _grow(own, state, recovered, top=index == last)
        states = _fewest(grown, _KEPT if targets else _KEPT_UNSEEN)
        if declared:
            continue
        states = [state for state in states if state.cost <= most]
        if not states or states[0].cost >= UNEXPLAINED or budget.is_used_up:
            return []  # penalties are mistaken only where that explains what they are part of
    return states


def _grow(
    layer: Layer, state: State, recovered: Callable[[], Recovered | None], top: bool
) -> Iterator[State]:
    """Explain one layer more. recovered: the submitter's own δ, where it can be read off."""
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
        return  # one bug may hide in layers that nobody saw; not a chain, nor one beside mistaken penalties
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
    if min((e.cost for e in explanations), default=UNEXPLAINED) >= UNEXPLAINED:
        yield from _unexplained(layer, state, right, recovered(), "output_delta" if top else "hidden_delta")


def _is_twin(layer: Layer, delta: Delta, right: Delta) -> bool:
    """Say whether a wrong rule gives the right δ here, as where the derivative that it misses is 1."""
    distance = np.abs(delta.flow.delta - right.flow.delta)
    if not (distance <= _SAME_DELTA * layer.evidence.blur * right.size).all():
        return False
    mine, its = delta.flow.upstream, right.flow.upstream
    return layer.index == 0 or (mine is not None and its is not None and np.array_equal(mine, its))


def _extended(state: State, explanation: LayerExplanation) -> State:
    delta = Delta(explanation.flow, right=explanation.right)
    blur = max(state.blur, explanation.blur)
    return State(state.cost + explanation.cost, delta, blur, (*state.findings, *explanation.findings))


def _unseen(layer: Layer, state: State, delta: Delta, bug: Bug) -> State:
    """Suppose a bug in a layer of which nothing was handed in; the layers below will tell."""
    where = None if delta.whole else layer.index
    factor = delta.estimates.get("factor")
    finding = Finding(bug.id, where, delta.equation, (), factor=factor, estimates=delta.estimates)
    cost = state.cost + layer.price(bug.id)
    return State(cost, Delta(delta.flow), state.blur, (*state.findings, finding))


def _unexplained(
    layer: Layer, state: State, right: Delta, recovered: Recovered | None, equation: str
) -> Iterator[State]:
    """No row of the table fits: δ is wrong, and perhaps recovered, or the products of a right δ are."""
    given = layer.evidence.given(layer.index)
    names = tuple(part.name for part in given)
    of_delta = Finding(UNEXPLAINED_ID, layer.index, equation, names, residual=1.0)
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


def _after_unknown(state: State, recovered: Recovered | None) -> State:
    """Below an unknown δ: take up the submitter's own where it can be recovered; blame nothing."""
    cost = state.cost + _UNJUDGED
    if recovered is not None and recovered.tested:
        return State(cost, Delta(Flow(recovered.delta, None)), recovered.blur, state.findings)
    return State(cost, None, state.blur, state.findings)


def _fewest(states: list[State], most: int) -> list[State]:
    """Keep the cheapest; of those that send down the same δ only one, with the others' bugs noted on it."""
    kept: list[State] = []
    ordered = sorted(states, key=lambda state: state.cost)
    for state in ordered:
        if state.cost > ordered[0].cost + _MARGIN:
            break
        same = next((i for i, other in enumerate(kept) if _same_delta(state, other)), None)
        if same is None:
            if len(kept) < most:
                kept.append(state)
        else:
            kept[same] = with_equals(kept[same], state)
    return kept


def _same_delta(state: State, other: State) -> bool:
    if state.delta is None or other.delta is None:
        return state.delta is other.delta
    mine, theirs = state.delta.flow, other.delta.flow
    return _alike(mine.delta, theirs.delta) and _alike(mine.upstream, theirs.upstream)


@np.errstate(all="ignore")
def _alike(mine: Array | None, theirs: Array | None) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    return bool(np.abs(mine - theirs).max() <= _ALIKE * np.abs(theirs).max())


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
