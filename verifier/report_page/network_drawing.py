"""Where the boxes of a network's drawing stand: input on top, output below, so that it fits a phone."""

from dataclasses import dataclass

from verifier.report_page.layer_states import LayerState, State

WIDTH = 340
BOX_HEIGHT, STEP = 54, 78
MOST_BOXES = 12

# a sign for each state, so that colour is never all that tells it
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
    """top: where it stands. layers: whose; several where right ones in between are left out."""

    top: int
    layers: tuple[LayerState, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    height: int
    boxes: tuple[Box, ...]


def drawing(layers: list[LayerState]) -> Drawing:
    """Stack the layers; of many, the first, the last and those that matter stand alone."""
    groups: list[list[LayerState]] = []
    if len(layers) <= MOST_BOXES:
        groups = [[layer] for layer in layers]
    else:
        alone = _alone(layers)
        for layer in layers:
            if layer.index in alone or not groups or groups[-1][0].index in alone:
                groups.append([layer])
            else:
                groups[-1].append(layer)
    boxes = tuple(Box(STEP * (number + 1) - 24, tuple(group)) for number, group in enumerate(groups))
    return Drawing(STEP * len(boxes) + 84, boxes)


def _alone(layers: list[LayerState]) -> set[int]:
    order = (State.FIRST_WRONG, State.MISSING, State.WRONG, State.UNDECIDED, State.INHERITED)
    told = [layer for layer in layers if layer.state in order]
    first = sorted(told, key=lambda layer: (order.index(layer.state), layer.index))[: MOST_BOXES - 6]
    return {layers[0].index, layers[-1].index, *(layer.index for layer in first)}


def units(count: int | None) -> str:
    return "?" if count is None else str(count)


def title_of(box: Box) -> str:
    first, last = box.layers[0], box.layers[-1]
    if len(box.layers) > 1:
        return f"layers {first.index} to {last.index}"
    return f"layer {first.index}"


def detail_of(box: Box) -> str:
    """Say shape and activation of one layer, or how many there are."""
    if len(box.layers) > 1:
        return f"{len(box.layers)} layers"
    own = box.layers[0].outline
    shape = f"{units(own.inputs)} → {units(own.outputs)}"
    return ", ".join(part for part in (shape, own.activation, "" if own.bias else "without bias") if part)


def state_of(box: Box) -> State:
    """Give the gravest state in a box."""
    order = list(State)
    found = {layer.state for layer in box.layers}
    gravest = (State.FIRST_WRONG, State.WRONG, State.MISSING, State.INHERITED, State.UNDECIDED, *order)
    return next(state for state in gravest if state in found)
