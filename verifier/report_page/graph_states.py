"""What became of each gradient of a graph: where errors begin, and what only inherits them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from verifier.graph_outline import DATA, GraphOutline, NodeOutline
from verifier.report import Report
from verifier.verdict import Verdict


class NodeState(StrEnum):
    RIGHT = "right"
    FIRST_WRONG = "first wrong"
    WRONG_AGAIN = "wrong again"
    INHERITED = "inherits the error"
    UNDECIDED = "undecided"
    MISSING = "missing"
    UNTOLD = "not handed in"
    DATA = "has no gradient"


# a sign for each state, so that colour is never all that tells it
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
    """Give the state of every node of the outline, by its gradient's name.

    Wrong again is what does not follow from wrong gradients behind it either, by the diagnosis.
    """
    placed = {row.node for row in report.diagnosis}
    return {node.name: _state(report, outline, node, placed) for node in outline.nodes}


def _state(report: Report, outline: GraphOutline, node: NodeOutline, placed: set[str | None]) -> NodeState:
    row = report.parameters.get(node.name)
    if row is None:
        return NodeState.DATA if node.operation == DATA else NodeState.UNTOLD
    if row.verdict is Verdict.INCORRECT:
        if node.name in outline.first_wrong:
            return NodeState.FIRST_WRONG
        return NodeState.WRONG_AGAIN if node.name in placed else NodeState.INHERITED
    return _PLAINLY[row.verdict]


_PLAINLY = MappingProxyType(
    {
        Verdict.CORRECT: NodeState.RIGHT,
        Verdict.MISSING: NodeState.MISSING,
        Verdict.UNDECIDED: NodeState.UNDECIDED,
    }
)
