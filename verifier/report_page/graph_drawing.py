"""A graph as boxes and arcs, left to right: values above each box, gradients as handed in below it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from verifier.exporters.harmless import shortened
from verifier.exporters.sentences import figure
from verifier.graph_outline import GraphOutline, NodeOutline
from verifier.report_page.graph_states import NodeState
from verifier.report_page.layered_layout import Layout, laid_out

BOX_WIDTH, BOX_HEIGHT = 124, 44
_COLUMN, _ROW, _MARGIN, _ABOVE, _BELOW = 162, 112, 18, 26, 50
_PASSING = 0.28  # of a row, for an arc that passes a column
_LONGEST = 19  # characters beside a box
_SPOILED = (NodeState.INHERITED, NodeState.WRONG_AGAIN)
_WRONG = (*_SPOILED, NodeState.FIRST_WRONG)


@dataclass(frozen=True, slots=True)
class NodeBox:
    """place: from 1, for its anchor. left, top: of the box. value, gradient: what stands above and below it.

    begins: whether it is made of what is not drawn.
    """

    place: int
    node: NodeOutline
    state: NodeState
    left: int
    top: int
    value: str
    gradient: str
    begins: bool


@dataclass(frozen=True, slots=True)
class Arc:
    """path: of an SVG. carries: whether an error travels along it, from its end to its start."""

    path: str
    carries: bool


@dataclass(frozen=True, slots=True)
class GraphDrawing:
    width: int
    height: int
    boxes: tuple[NodeBox, ...]
    arcs: tuple[Arc, ...]


def graph_drawing(outline: GraphOutline, states: Mapping[str, NodeState]) -> GraphDrawing:
    """Place every node of the outline and lead the arcs between them."""
    names = {node.name for node in outline.nodes}
    operands = {
        node.name: [each for each in node.operands if isinstance(each, str) and each in names]
        for node in outline.nodes
    }
    output = outline.output if outline.output in names else outline.nodes[-1].name
    layout = laid_out(operands, output, _PASSING)
    boxes = tuple(
        _box(place, node, states[node.name], layout, names) for place, node in enumerate(outline.nodes, 1)
    )
    return GraphDrawing(
        width=2 * _MARGIN + _COLUMN * (layout.columns - 1) + BOX_WIDTH,
        height=round(_middle(layout, layout.bottom)) + BOX_HEIGHT // 2 + _BELOW,
        boxes=boxes,
        arcs=tuple(_arcs(operands, layout, states)),
    )


def _box(place: int, node: NodeOutline, state: NodeState, layout: Layout, names: set[str]) -> NodeBox:
    return NodeBox(
        place=place,
        node=node,
        state=state,
        left=_left(layout, node.name),
        top=round(_middle(layout, layout.height[node.name])) - BOX_HEIGHT // 2,
        value=_beside(node, node.value),
        gradient="" if state in (NodeState.UNTOLD, NodeState.MISSING, NodeState.DATA) else gradient_of(node),
        begins=any(isinstance(each, str) and each not in names for each in node.operands),
    )


def gradient_of(node: NodeOutline) -> str:
    """Give what stands below a box: the gradient as it was handed in, or its shape."""
    found = _beside(node, node.gradient)
    return f"∂ {found}" if found else ""


def _beside(node: NodeOutline, numbers: tuple[float, ...] | None) -> str:
    """Give an array if it is short enough, else its shape."""
    text = "" if numbers is None else array_text(numbers, node.shape)
    if text and len(text) <= _LONGEST:
        return text
    return str(node.shape) if node.shape else ""


def array_text(numbers: tuple[float, ...], shape: tuple[int, ...]) -> str:
    """Give an array of few numbers as Python writes it."""
    if not shape:
        return figure(numbers[0], ".4g")
    step = len(numbers) // shape[0]
    parts = (array_text(numbers[at : at + step], shape[1:]) for at in range(0, len(numbers), step))
    return f"[{', '.join(parts)}]"


def title_of(box: NodeBox) -> str:
    """Give the name, short enough for the box."""
    return shortened(box.node.plain, 12)


def detail_of(box: NodeBox) -> str:
    """Give the operation, with numbers among its operands, short enough for the box."""
    return shortened(_operation(box.node), 16)


def _operation(node: NodeOutline) -> str:
    if any(not isinstance(each, str) for each in node.operands):
        shown = ("·" if isinstance(each, str) else figure(each, ".4g") for each in node.operands)
        return f"{node.operation}({', '.join(shown)})"
    return f"{node.operation} {node.options}".strip()


def _left(layout: Layout, name: str) -> int:
    return _MARGIN + _COLUMN * layout.column[name]


def _middle(layout: Layout, height: float) -> float:
    return _ROW * (height - layout.top) + _ABOVE + BOX_HEIGHT / 2


def _arcs(
    operands: Mapping[str, list[str]], layout: Layout, states: Mapping[str, NodeState]
) -> Iterator[Arc]:
    for name, given in operands.items():
        last = {operand: [layout.height[operand], *layout.routes[operand, name]][-1] for operand in given}
        ends = sorted(last, key=last.__getitem__)
        room = min(12.0, (BOX_HEIGHT - 12) / max(1, len(ends) - 1))
        for place, operand in enumerate(ends):
            port = _middle(layout, layout.height[name]) + room * (place - (len(ends) - 1) / 2)
            carries = states[name] in _WRONG and states[operand] in _SPOILED
            yield Arc(_path(layout, operand, name, port), carries)


def _path(layout: Layout, operand: str, name: str, port: float) -> str:
    """Lead an arc from the right of one box to the left of another, straight on where it passes a column."""
    x = _left(layout, operand) + BOX_WIDTH
    y = _middle(layout, layout.height[operand])
    path = f"M{x} {y:.0f}"
    gap = _COLUMN - BOX_WIDTH
    for route in (*layout.routes[operand, name], None):
        end = port if route is None else _middle(layout, route)
        across = gap - 6 if route is None else gap  # room for the head
        path += f"C{x + gap // 2} {y:.0f} {x + gap // 2} {end:.0f} {x + across} {end:.0f}"
        if route is not None:
            path += f"H{x + _COLUMN}"
        x, y = x + _COLUMN, end
    return path
