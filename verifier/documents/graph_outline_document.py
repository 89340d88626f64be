"""A graph's outline as part of a report's document, and back."""

from collections.abc import Mapping
from typing import Any

from verifier.documents.json_text import number
from verifier.graph_outline import GraphOutline, NodeOutline


def graph_document(outline: GraphOutline) -> dict[str, Any]:
    """Give the document's `network`, whose names are those of gradients."""
    return {
        "nodes": [_node(node) for node in outline.nodes],
        "output": outline.output,
        "first_wrong": list(outline.first_wrong),
        "count": outline.count,
    }


def read_graph_outline(document: Mapping[str, Any]) -> GraphOutline | None:
    """Give the outline back; None for a network of layers, and for none."""
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
        field: [number(each) for each in own] for field, own in numbers.items() if own is not None
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


def _numbers(found: list[float | str] | None) -> tuple[float, ...] | None:
    return None if found is None else tuple(float(each) for each in found)
