"""Draw a graph as boxes and edges, from left to right.

Values are above each box, and the submitted gradients below it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from verifier.exporters.page.layered_layout import Layout, compute_layout
from verifier.report.model import DATA, GraphOutline, NodeOutline
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.report.wording import format_number, truncate_line


class NodeState(StrEnum):
    """The state of a node's gradient."""

    RIGHT = "right"
    FIRST_WRONG = "first wrong"
    WRONG_AGAIN = "wrong again"
    INHERITED = "inherits the error"
    UNDECIDED = "undecided"
    MISSING = "missing"
    UNTOLD = "not submitted"
    DATA = "has no gradient"


# signs make the states readable without colours
SIGNS: Mapping[NodeState, str] = MappingProxyType(
    {
        NodeState.RIGHT: "✓",
        NodeState.FIRST_WRONG: "✗",
        NodeState.WRONG_AGAIN: "✗",
        NodeState.INHERITED: "↑",
        NodeState.UNDECIDED: "?",
        NodeState.MISSING: "∅",
        NodeState.UNTOLD: "·",
        NodeState.DATA: "",
    }
)


def node_states(report: Report, outline: GraphOutline) -> dict[str, NodeState]:
    """Return the state of every node of the outline, by the name of its gradient.

    A gradient is "wrong again" if it is wrong even for the submitted gradients of its users, according to the
    diagnosis.
    """
    diagnosed = {row.node for row in report.diagnosis}
    return {node.name: _state(report, outline, node, diagnosed) for node in outline.nodes}


def _state(report: Report, outline: GraphOutline, node: NodeOutline, diagnosed: set[str | None]) -> NodeState:
    row = report.parameters.get(node.name)
    if row is None:
        return NodeState.DATA if node.operation == DATA else NodeState.UNTOLD
    if row.verdict is Verdict.INCORRECT:
        if node.name in outline.first_wrong:
            return NodeState.FIRST_WRONG
        return NodeState.WRONG_AGAIN if node.name in diagnosed else NodeState.INHERITED
    return _STATE_OF_VERDICT[row.verdict]


_STATE_OF_VERDICT = MappingProxyType(
    {
        Verdict.CORRECT: NodeState.RIGHT,
        Verdict.MISSING: NodeState.MISSING,
        Verdict.UNDECIDED: NodeState.UNDECIDED,
    }
)


BOX_WIDTH, BOX_HEIGHT = 124, 44
_COLUMN, _ROW, _MARGIN, _ABOVE, _BELOW = 162, 112, 18, 26, 50
_PASSING = 0.28  # height of an edge that passes a column, in rows
_LONGEST = 19  # characters beside a box
_SPOILED = (NodeState.INHERITED, NodeState.WRONG_AGAIN)
_WRONG = (*_SPOILED, NodeState.FIRST_WRONG)


@dataclass(frozen=True, slots=True)
class NodeBox:
    """The box of a node.

    place: its number, from 1, for its anchor. left, top: its position.
    value, gradient: the text above and below it. begins: it has operands that are not drawn.
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
class DrawnEdge:
    """An edge.

    path: of an SVG. carries: an error propagates along it, from its end to its start.
    """

    path: str
    carries: bool


@dataclass(frozen=True, slots=True)
class GraphDrawing:
    """A drawing with its size in pixels."""

    width: int
    height: int
    boxes: tuple[NodeBox, ...]
    arcs: tuple[DrawnEdge, ...]


def graph_drawing(outline: GraphOutline, states: Mapping[str, NodeState]) -> GraphDrawing:
    """Return the drawing of an outline, with the states of its nodes by name."""
    names = {node.name for node in outline.nodes}
    operands = {
        node.name: [operand for operand in node.operands if isinstance(operand, str) and operand in names]
        for node in outline.nodes
    }
    output = outline.output if outline.output in names else outline.nodes[-1].name
    layout = compute_layout(operands, output, _PASSING)
    boxes = tuple(
        _box(place, node, states[node.name], layout, names) for place, node in enumerate(outline.nodes, 1)
    )
    return GraphDrawing(
        width=2 * _MARGIN + _COLUMN * (layout.columns - 1) + BOX_WIDTH,
        height=round(_middle(layout, layout.bottom)) + BOX_HEIGHT // 2 + _BELOW,
        boxes=boxes,
        arcs=tuple(_edges(operands, layout, states)),
    )


def _box(place: int, node: NodeOutline, state: NodeState, layout: Layout, names: set[str]) -> NodeBox:
    return NodeBox(
        place=place,
        node=node,
        state=state,
        left=_left(layout, node.name),
        top=round(_middle(layout, layout.height[node.name])) - BOX_HEIGHT // 2,
        value=_array_or_shape(node, node.value),
        gradient="" if state in (NodeState.UNTOLD, NodeState.MISSING, NodeState.DATA) else gradient_of(node),
        begins=any(isinstance(operand, str) and operand not in names for operand in node.operands),
    )


def gradient_of(node: NodeOutline) -> str:
    """Return the text below a box: the submitted gradient, or its shape."""
    text = _array_or_shape(node, node.gradient)
    return f"∂ {text}" if text else ""


def _array_or_shape(node: NodeOutline, numbers: tuple[float, ...] | None) -> str:
    """Return an array as text if it is short enough, otherwise its shape."""
    text = "" if numbers is None else array_text(numbers, node.shape)
    if text and len(text) <= _LONGEST:
        return text
    return str(node.shape) if node.shape else ""


def array_text(numbers: tuple[float, ...], shape: tuple[int, ...]) -> str:
    """Return a small array as nested lists."""
    if not shape:
        return format_number(numbers[0], ".4g")
    step = len(numbers) // shape[0]
    parts = (array_text(numbers[start : start + step], shape[1:]) for start in range(0, len(numbers), step))
    return f"[{', '.join(parts)}]"


def title_of(box: NodeBox) -> str:
    """Return the name, shortened to fit into the box."""
    return truncate_line(box.node.node_name, 12)


def detail_of(box: NodeBox) -> str:
    """Return the operation with its number operands, shortened to fit into the box."""
    return truncate_line(_operation(box.node), 16)


def _operation(node: NodeOutline) -> str:
    if any(not isinstance(operand, str) for operand in node.operands):
        shown = (
            "·" if isinstance(operand, str) else format_number(operand, ".4g") for operand in node.operands
        )
        return f"{node.operation}({', '.join(shown)})"
    return f"{node.operation} {node.options}".strip()


def _left(layout: Layout, name: str) -> int:
    return _MARGIN + _COLUMN * layout.column[name]


def _middle(layout: Layout, height: float) -> float:
    return _ROW * (height - layout.top) + _ABOVE + BOX_HEIGHT / 2


def _edges(
    operands: Mapping[str, list[str]], layout: Layout, states: Mapping[str, NodeState]
) -> Iterator[DrawnEdge]:
    for name, node_operands in operands.items():
        last_heights = {
            operand: [layout.height[operand], *layout.routes[operand, name]][-1] for operand in node_operands
        }
        sorted_operands = sorted(last_heights, key=last_heights.__getitem__)
        room = min(12.0, (BOX_HEIGHT - 12) / max(1, len(sorted_operands) - 1))
        for place, operand in enumerate(sorted_operands):
            port = _middle(layout, layout.height[name]) + room * (place - (len(sorted_operands) - 1) / 2)
            carries = states[name] in _WRONG and states[operand] in _SPOILED
            yield DrawnEdge(_path(layout, operand, name, port), carries)


def _path(layout: Layout, operand: str, name: str, port: float) -> str:
    """Return the SVG path of an edge from the right of one box to the left of another.

    It is horizontal in the columns that it passes.
    """
    x = _left(layout, operand) + BOX_WIDTH
    y = _middle(layout, layout.height[operand])
    path = f"M{x} {y:.0f}"
    gap = _COLUMN - BOX_WIDTH
    for route in (*layout.routes[operand, name], None):
        end = port if route is None else _middle(layout, route)
        across = gap - 6 if route is None else gap  # room for the arrowhead
        path += f"C{x + gap // 2} {y:.0f} {x + gap // 2} {end:.0f} {x + across} {end:.0f}"
        if route is not None:
            path += f"H{x + _COLUMN}"
        x, y = x + _COLUMN, end
    return path
