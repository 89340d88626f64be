"""Write the first wrong gradients of a graph as lines of text, with the operations around them."""

from collections.abc import Iterator

from verifier.exporters.harmless import one_line, shortened
from verifier.exporters.sentences import figure
from verifier.graph_outline import NodeOutline
from verifier.report import Report

_MOST, _USERS = 5, 4
_LONGEST = 120


def first_wrong(report: Report) -> Iterator[str]:
    """Yield lines such as `first wrong: nodes.h = tanh(nodes.a), used by nodes.f = matmul(nodes.h, W)`."""
    outline = report.graph
    if outline is None:
        return
    nodes = {node.name: node for node in outline.nodes}
    for name in outline.first_wrong[:_MOST]:
        users = [node for node in outline.nodes if name in node.operands]
        used = ""
        if users:
            equations = ", ".join(written(node) for node in users[:_USERS])
            more = f" and {len(users) - _USERS} more" if len(users) > _USERS else ""
            used = f", used by {equations}{more}"
        equation = written(nodes[name]) if name in nodes else one_line(name)
        yield f"first wrong: {equation}{used}"
    if len(outline.first_wrong) > _MOST:
        yield f"and {len(outline.first_wrong) - _MOST} more are first wrong"


def written(node: NodeOutline) -> str:
    """Return a node and its operation as an equation, or a leaf and its kind."""
    if not node.computed:
        return f"{_sanitised(node.name)}, {'an' if node.operation == 'input' else 'a'} {node.operation}"
    return f"{_sanitised(node.name)} = {_sanitised(expression(node))}"


def expression(node: NodeOutline) -> str:
    """Return the operation with all operands and options."""
    if not node.computed:
        return node.operation
    shown = [operand if isinstance(operand, str) else figure(operand) for operand in node.operands]
    return f"{node.operation}({', '.join([*shown, node.options] if node.options else shown)})"


def _sanitised(text: str) -> str:
    return one_line(shortened(text, _LONGEST))
