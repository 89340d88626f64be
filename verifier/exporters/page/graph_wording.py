"""Describe the drawing of a graph in a sentence."""

from collections.abc import Mapping

from verifier.exporters.page.graph_drawing import NodeState
from verifier.report.model import GraphOutline
from verifier.report.wording import truncate_line

_MOST_NAMED = 8
_SENTENCES = (
    (NodeState.FIRST_WRONG, "from the output back, the error begins at {}"),
    (NodeState.WRONG_AGAIN, "{} does not follow from the gradients behind it either"),
    (NodeState.INHERITED, "{} only inherits the error"),
    (NodeState.MISSING, "no gradient was given of {}"),
    (NodeState.UNDECIDED, "{} is undecided"),
)
_PLURALS = {
    NodeState.WRONG_AGAIN: "{} do not follow from the gradients behind them either",
    NodeState.INHERITED: "{} only inherit the error",
    NodeState.UNDECIDED: "{} are undecided",
}


def graph_line(outline: GraphOutline, states: Mapping[str, NodeState]) -> str:
    """Return a description of the drawing, and of the part of the graph that it shows."""
    operations = {node.name: node.operation for node in outline.nodes if node.computed}
    parts = []
    for state, singular in _SENTENCES:
        names = [name for name, node_state in states.items() if node_state is state]
        if state is NodeState.FIRST_WRONG:
            names = [name for name in outline.first_wrong if name in states]
        if names:
            template = _PLURALS.get(state, singular) if len(names) > 1 else singular
            parts.append(template.format(_enumerated([_with_operation(name, operations) for name in names])))
    line = "; ".join(parts) or "every submitted gradient is right"
    return f"{line[0].upper()}{line[1:]}.{_part_line(outline)}"


def _part_line(outline: GraphOutline) -> str:
    if outline.whole:
        return ""
    shown = sum(node.computed for node in outline.nodes)
    around = outline.first_wrong[0] if outline.first_wrong else outline.output
    return (
        f" Of {outline.count:,} operations the {shown:,} nearest to {truncate_line(around, 40)} are drawn; "
        "dotted arcs lead on."
    )


def _with_operation(name: str, operations: Mapping[str, str]) -> str:
    operation = operations.get(name)
    short = truncate_line(name, 40)
    return f"{short} ({operation})" if operation else short


def _enumerated(names: list[str]) -> str:
    shown = names if len(names) <= _MOST_NAMED else [*names[: _MOST_NAMED - 1], f"{len(names) - 7} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
