"""Lay out the drawing of a network, input on top and output below, to fit a phone."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from verifier.report.model import LayerOutline, ParameterReport
from verifier.report.report import Report
from verifier.report.verdict import Verdict


class LayerState(StrEnum):
    """The state of a layer's gradients."""

    RIGHT = "right"
    FIRST_WRONG = "first wrong"
    WRONG = "wrong"
    INHERITED = "inherits the error"
    UNDECIDED = "undecided"
    MISSING = "missing"
    UNTOLD = "not told"


@dataclass(frozen=True, slots=True)
class LayerWithState:
    """A layer with its state. rows: the reports of its parameters."""

    index: int
    outline: LayerOutline
    state: LayerState
    rows: tuple[ParameterReport, ...]


def layer_states(report: Report) -> list[LayerWithState]:
    """Return all layers from input to output. Errors propagate backwards, so earlier layers inherit them."""
    rows_by_layer: dict[int, list[ParameterReport]] = {}
    for row in report.parameters.values():
        if (index := layer_of(row.name)) is not None:
            rows_by_layer.setdefault(index, []).append(row)
    outline = report.network or tuple(_outlines_from_shapes(rows_by_layer))
    diagnosed = {layer for row in report.diagnosis for layer in row.all_layers}
    return [
        LayerWithState(
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


def _state(index: int, rows: list[ParameterReport], diagnosed: set[int]) -> LayerState:
    verdicts = {row.verdict for row in rows}
    if Verdict.INCORRECT in verdicts:
        if index in diagnosed:
            return LayerState.FIRST_WRONG
        return LayerState.INHERITED if any(index < layer for layer in diagnosed) else LayerState.WRONG
    if Verdict.MISSING in verdicts:
        return LayerState.MISSING
    if Verdict.UNDECIDED in verdicts:
        return LayerState.UNDECIDED
    return LayerState.RIGHT if verdicts else LayerState.UNTOLD


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


WIDTH = 340
BOX_HEIGHT, STEP = 54, 78
MOST_BOXES = 12

# signs make the states readable without colours
SIGNS = {
    LayerState.RIGHT: "✓",
    LayerState.FIRST_WRONG: "✗",
    LayerState.WRONG: "✗",
    LayerState.INHERITED: "↑",
    LayerState.UNDECIDED: "?",
    LayerState.MISSING: "∅",
    LayerState.UNTOLD: "·",
}


@dataclass(frozen=True, slots=True)
class Box:
    """A box.

    top: its position. layers: one layer, or several correct ones that share a box.
    """

    top: int
    layers: tuple[LayerWithState, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing with its height in pixels."""

    height: int
    boxes: tuple[Box, ...]


def drawing(layers: list[LayerWithState]) -> Drawing:
    """Return the drawing of the layers.

    If there are many, only the first, the last and the most important ones have boxes of their own.
    """
    groups: list[list[LayerWithState]] = []
    if len(layers) <= MOST_BOXES:
        groups = [[layer] for layer in layers]
    else:
        separate = _separate_layers(layers)
        for layer in layers:
            if layer.index in separate or not groups or groups[-1][0].index in separate:
                groups.append([layer])
            else:
                groups[-1].append(layer)
    boxes = tuple(Box(STEP * (number + 1) - 24, tuple(group)) for number, group in enumerate(groups))
    return Drawing(STEP * len(boxes) + 84, boxes)


def _separate_layers(layers: list[LayerWithState]) -> set[int]:
    order = (
        LayerState.FIRST_WRONG,
        LayerState.MISSING,
        LayerState.WRONG,
        LayerState.UNDECIDED,
        LayerState.INHERITED,
    )
    candidates = [layer for layer in layers if layer.state in order]
    most_severe = sorted(candidates, key=lambda layer: (order.index(layer.state), layer.index))[
        : MOST_BOXES - 6
    ]
    return {layers[0].index, layers[-1].index, *(layer.index for layer in most_severe)}


def units(count: int | None) -> str:
    """Return a number of units as text; `?` if it is unknown."""
    return "?" if count is None else str(count)


def title_of(box: Box) -> str:
    """Return the index of the layer, or the first and the last index."""
    first, last = box.layers[0], box.layers[-1]
    if len(box.layers) > 1:
        return f"layers {first.index} to {last.index}"
    return f"layer {first.index}"


def detail_of(box: Box) -> str:
    """Return the shape and the activation of one layer, or the number of layers."""
    if len(box.layers) > 1:
        return f"{len(box.layers)} layers"
    layer = box.layers[0].outline
    shape = f"{units(layer.inputs)} → {units(layer.outputs)}"
    return ", ".join(part for part in (shape, layer.activation, "" if layer.bias else "without bias") if part)


def state_of(box: Box) -> LayerState:
    """Return the most severe state of the layers in a box."""
    order = list(LayerState)
    states = {layer.state for layer in box.layers}
    by_severity = (
        LayerState.FIRST_WRONG,
        LayerState.WRONG,
        LayerState.MISSING,
        LayerState.INHERITED,
        LayerState.UNDECIDED,
        *order,
    )
    return next(state for state in by_severity if state in states)
