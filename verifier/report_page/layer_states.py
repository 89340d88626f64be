"""What became of each layer: where the error begins, and what only inherits it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from verifier.layer_outline import LayerOutline
from verifier.report import ParameterReport, Report
from verifier.verdict import Verdict


class State(StrEnum):
    RIGHT = "right"
    FIRST_WRONG = "first wrong"
    WRONG = "wrong"
    INHERITED = "inherits the error"
    UNDECIDED = "undecided"
    MISSING = "missing"
    UNTOLD = "not told"


@dataclass(frozen=True, slots=True)
class LayerState:
    """rows: the layer's own parameters."""

    index: int
    outline: LayerOutline
    state: State
    rows: tuple[ParameterReport, ...]


def layer_states(report: Report) -> list[LayerState]:
    """Give every layer from input to output. Errors travel the other way, so what is below inherits."""
    owned: dict[int, list[ParameterReport]] = {}
    for row in report.parameters.values():
        if (index := layer_of(row.name)) is not None:
            owned.setdefault(index, []).append(row)
    outline = report.network or tuple(_told_by_shapes(owned))
    placed = {row.layer for row in report.diagnosis if row.layer is not None}
    return [
        LayerState(index, own, _state(index, owned.get(index, []), placed), tuple(owned.get(index, [])))
        for index, own in enumerate(outline)
    ]


def layer_of(name: str) -> int | None:
    """Give the layer that a parameter's name tells, None for a name that tells none."""
    first, _, rest = name.partition(".")
    digits = rest.partition(".")[0]
    plain = first == "layers" and digits.isascii() and digits.isdigit() and len(digits) < 9
    return int(digits) if plain else None


def _state(index: int, rows: list[ParameterReport], placed: set[int]) -> State:
    verdicts = {row.verdict for row in rows}
    if Verdict.INCORRECT in verdicts:
        if index in placed:
            return State.FIRST_WRONG
        return State.INHERITED if any(index < layer for layer in placed) else State.WRONG
    if Verdict.MISSING in verdicts:
        return State.MISSING
    if Verdict.UNDECIDED in verdicts:
        return State.UNDECIDED
    return State.RIGHT if verdicts else State.UNTOLD


def _told_by_shapes(owned: dict[int, list[ParameterReport]]) -> Iterator[LayerOutline]:
    """Give what names and shapes alone tell: how many units a layer has, where it has a bias."""
    before: int | None = None
    for index in range(min(max(owned, default=-1) + 1, len(owned))):
        shapes = {row.name.rpartition(".")[2]: row.shape for row in owned.get(index, [])}
        bias, weight = shapes.get("bias"), shapes.get("weight")
        outputs = max(bias, default=None) if bias else None
        inputs = before
        if weight is not None and len(weight) == 2:
            if outputs is not None and outputs in weight:
                inputs = weight[0] if weight[1] == outputs else weight[1]
            elif before is not None and before in weight:
                outputs = weight[1] if weight[0] == before else weight[0]
        yield LayerOutline(inputs, outputs, "", bias is not None)
        before = outputs
