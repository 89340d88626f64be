"""Determine the state of each gradient of a graph: where errors begin, and which gradients inherit them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from verifier.graph_outline import DATA, GraphOutline, NodeOutline
from verifier.report import Report
from verifier.verdict import Verdict


class NodeState(StrEnum):
    """The state of a node's gradient."""

    RIGHT = "right"
    FIRST_WRONG = "first wrong"
    WRONG_AGAIN = "wrong again"
    INHERITED = "inherits the error"
    UNDECIDED = "undecided"
    MISSING = "missing"
    UNTOLD = "not handed in"
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
