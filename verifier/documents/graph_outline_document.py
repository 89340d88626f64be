"""Convert a graph's outline to the `network` of a report's document, and back."""

from collections.abc import Mapping
from typing import Any

from verifier.documents.json_text import number
from verifier.graph_outline import GraphOutline, NodeOutline


def graph_document(outline: GraphOutline) -> dict[str, Any]:
    """Return the document's `network`, in which nodes have the names of their gradients."""
    return {
        "nodes": [_node(node) for node in outline.nodes],
        "output": outline.output,
        "first_wrong": list(outline.first_wrong),
        "count": outline.count,
    }


def read_graph_outline(document: Mapping[str, Any]) -> GraphOutline | None:
    """Return the outline; None if the network has layers or is absent."""
    if "nodes" not in document:
        return None
    return GraphOutline(
        nodes=tuple(_read_node(row) for row in document["nodes"]),
        output=document["output"],
        first_wrong=tuple(document["first_wrong"]),
        count=document["count"],
    )


def _node(node: NodeOutline) -> dict[str, Any]:
    document: dict[str, Any] = {"name": node.name, "op": node.operation, "shape": list(node.shape)}
    if node.computed:
        document["args"] = list(node.operands)
    if node.options:
        document["options"] = node.options
    if node.continues:
        document["continues"] = True
    numbers = {"value": node.value, "gradient": node.gradient}
    return document | {
        field: [number(value) for value in values] for field, values in numbers.items() if values is not None
    }


def _read_node(row: Mapping[str, Any]) -> NodeOutline:
    return NodeOutline(
        name=row["name"],
        operation=row["op"],
        shape=tuple(row["shape"]),
        operands=tuple(row.get("args", ())),
        options=row.get("options", ""),
        value=_numbers(row.get("value")),
        gradient=_numbers(row.get("gradient")),
        continues=row.get("continues", False),
    )


def _numbers(values: list[float | str] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in values)
