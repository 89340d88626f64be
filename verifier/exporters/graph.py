"""Where a graph's gradients are first wrong, with the operations around it, as lines of text."""

from collections.abc import Iterator

from verifier.exporters.harmless import one_line, shortened
from verifier.exporters.sentences import figure
from verifier.graph_outline import NodeOutline
from verifier.report import Report

_MOST, _USERS = 5, 4
_LONGEST = 120


def first_wrong(report: Report) -> Iterator[str]:
    """Give a line for each: `first wrong: nodes.h = tanh(nodes.a), used by nodes.f = matmul(nodes.h, W)`."""
    outline = report.graph
    if outline is None:
        return
    nodes = {node.name: node for node in outline.nodes}
    for name in outline.first_wrong[:_MOST]:
        users = [node for node in outline.nodes if name in node.operands]
        used = ""
        if users:
            told = ", ".join(written(node) for node in users[:_USERS])
            more = f" and {len(users) - _USERS} more" if len(users) > _USERS else ""
            used = f", used by {told}{more}"
        own = written(nodes[name]) if name in nodes else one_line(name)
        yield f"first wrong: {own}{used}"
    if len(outline.first_wrong) > _MOST:
        yield f"and {len(outline.first_wrong) - _MOST} more are first wrong"


def written(node: NodeOutline) -> str:
    """Give a node with its operation, as an equation; of what is given, what it is."""
    if not node.computed:
        return f"{_harmless(node.name)}, {'an' if node.operation == 'input' else 'a'} {node.operation}"
    return f"{_harmless(node.name)} = {_harmless(expression(node))}"


def expression(node: NodeOutline) -> str:
    """Give the operation with its operands and options, in full."""
    if not node.computed:
        return node.operation
    shown = [each if isinstance(each, str) else figure(each) for each in node.operands]
    return f"{node.operation}({', '.join([*shown, node.options] if node.options else shown)})"


def _harmless(text: str) -> str:
    return one_line(shortened(text, _LONGEST))
