"""Lay out the drawing of a network, input on top and output below, to fit a phone."""

from dataclasses import dataclass

from verifier.report_page.layer_states import LayerState, State

WIDTH = 340
BOX_HEIGHT, STEP = 54, 78
MOST_BOXES = 12

# signs make the states readable without colours
SIGNS = {
    State.RIGHT: "✓",
    State.FIRST_WRONG: "✗",
    State.WRONG: "✗",
    State.INHERITED: "↑",
    State.UNDECIDED: "?",
    State.MISSING: "∅",
    State.UNTOLD: "·",
}


@dataclass(frozen=True, slots=True)
class Box:
    """A box.

    top: its position. layers: one layer, or several correct ones that share a box.
    """

    top: int
    layers: tuple[LayerState, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing with its height in pixels."""

    height: int
    boxes: tuple[Box, ...]


def drawing(layers: list[LayerState]) -> Drawing:
    """Return the drawing of the layers.

    If there are many, only the first, the last and the most important ones have boxes of their own.
    """
    groups: list[list[LayerState]] = []
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


def _separate_layers(layers: list[LayerState]) -> set[int]:
    order = (State.FIRST_WRONG, State.MISSING, State.WRONG, State.UNDECIDED, State.INHERITED)
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


def state_of(box: Box) -> State:
    """Return the most severe state of the layers in a box."""
    order = list(State)
    states = {layer.state for layer in box.layers}
    by_severity = (State.FIRST_WRONG, State.WRONG, State.MISSING, State.INHERITED, State.UNDECIDED, *order)
    return next(state for state in by_severity if state in states)
