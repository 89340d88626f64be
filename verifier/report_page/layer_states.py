"""Determine the state of each layer: where the error begins, and which layers inherit it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from verifier.layer_outline import LayerOutline
from verifier.report import ParameterReport, Report
from verifier.verdict import Verdict


class State(StrEnum):
    """The state of a layer's gradients."""

    RIGHT = "right"
    FIRST_WRONG = "first wrong"
    WRONG = "wrong"
    INHERITED = "inherits the error"
    UNDECIDED = "undecided"
    MISSING = "missing"
    UNTOLD = "not told"


@dataclass(frozen=True, slots=True)
class LayerState:
    """A layer with its state. rows: the reports of its parameters."""

    index: int
    outline: LayerOutline
    state: State
    rows: tuple[ParameterReport, ...]


def layer_states(report: Report) -> list[LayerState]:
    """Return all layers from input to output. Errors propagate backwards, so earlier layers inherit them."""
    rows_by_layer: dict[int, list[ParameterReport]] = {}
    for row in report.parameters.values():
        if (index := layer_of(row.name)) is not None:
            rows_by_layer.setdefault(index, []).append(row)
    outline = report.network or tuple(_outlines_from_shapes(rows_by_layer))
    diagnosed = {row.layer for row in report.diagnosis if row.layer is not None}
    return [
        LayerState(
            index,
            layer,
            _state(index, rows_by_layer.get(index, []), diagnosed),
            tuple(rows_by_layer.get(index, [])),
        )
        for index, layer in enumerate(outline)
    ]


def layer_of(name: str) -> int | None:
    """Return the layer in a parameter's name; None if the name has none."""
    first, _, rest = name.partition(".")
    digits = rest.partition(".")[0]
    is_layer = first == "layers" and digits.isascii() and digits.isdigit() and len(digits) < 9
    return int(digits) if is_layer else None


def _state(index: int, rows: list[ParameterReport], diagnosed: set[int]) -> State:
    verdicts = {row.verdict for row in rows}
    if Verdict.INCORRECT in verdicts:
        if index in diagnosed:
            return State.FIRST_WRONG
        return State.INHERITED if any(index < layer for layer in diagnosed) else State.WRONG
    if Verdict.MISSING in verdicts:
        return State.MISSING
    if Verdict.UNDECIDED in verdicts:
        return State.UNDECIDED
    return State.RIGHT if verdicts else State.UNTOLD


def _outlines_from_shapes(rows_by_layer: dict[int, list[ParameterReport]]) -> Iterator[LayerOutline]:
    """Yield outlines derived from names and shapes alone: numbers of units, and presence of biases."""
    previous_outputs: int | None = None
    for index in range(min(max(rows_by_layer, default=-1) + 1, len(rows_by_layer))):
        shapes = {row.name.rpartition(".")[2]: row.shape for row in rows_by_layer.get(index, [])}
        bias, weight = shapes.get("bias"), shapes.get("weight")
        outputs = max(bias, default=None) if bias else None
        inputs = previous_outputs
        if weight is not None and len(weight) == 2:
            if outputs is not None and outputs in weight:
                inputs = weight[0] if weight[1] == outputs else weight[1]
            elif previous_outputs is not None and previous_outputs in weight:
                outputs = weight[1] if weight[0] == previous_outputs else weight[0]
        yield LayerOutline(inputs, outputs, "", bias is not None)
        previous_outputs = outputs
