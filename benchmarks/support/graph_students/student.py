"""Run a graph's document forward and backward, optionally with a mistake at one place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.support.graph_students.rules import RULES, Array


@dataclass(frozen=True)
class OperandUse:
    """Use of a value as an operand of a node.

    place: index of the operand.
    raw: contribution to the gradient in the broadcast shape.
    share: contribution in the shape of the operand.
    arrived: parts of `upstream`, by the name of the node that they come from.
    """

    node: Mapping[str, Any]
    place: int
    operands: list[Array]
    value: Array
    upstream: Array
    raw: Array
    share: Array
    arrived: Mapping[str, Array]


Change = Callable[[list[OperandUse]], Array]


def forward(document: Mapping[str, Any]) -> dict[str, Array]:
    values = {**document["inputs"], **document["parameters"]}
    with np.errstate(all="ignore"):
        for node in document["network"]["nodes"]:
            operands = [values[arg] if isinstance(arg, str) else np.asarray(arg) for arg in node["args"]]
            values[node["name"]] = np.asarray(RULES[node["op"]].forward(operands, node))
    return values


def backward(
    document: Mapping[str, Any], values: Mapping[str, Array], at: str = "", change: Change | None = None
) -> tuple[dict[str, Array], dict[str, list[OperandUse]]]:
    """Return ∂output/∂v and the uses of every value v, by name.

    at, change: function that replaces the gradient of the value with this name.
    Values that are not differentiated, such as targets, have no uses.
    """
    uses: dict[str, list[OperandUse]] = {name: [] for name in values}
    nodes = {node["name"]: node for node in document["network"]["nodes"]}
    gradients = {}
    leaves = [*document["inputs"], *document["parameters"]]
    with np.errstate(all="ignore"):
        for name in [*reversed(nodes), *leaves]:
            start = np.ones if name == document["network"]["output"] else np.zeros
            gradient = sum((use.share for use in uses[name]), start(values[name].shape))
            if name == at and change is not None:
                gradient = change(uses[name])
            gradients[name] = np.asarray(gradient)
            if name in nodes:
                arrived: dict[str, Array] = {}
                for use in uses[name]:
                    user = use.node["name"]
                    arrived[user] = arrived.get(user, 0.0) + use.share
                for operand, use in _uses_of(nodes[name], values, gradients[name], arrived):
                    uses[operand].append(use)
    return gradients, uses


def _uses_of(
    node: Mapping[str, Any], values: Mapping[str, Array], upstream: Array, arrived: Mapping[str, Array]
) -> list[tuple[str, OperandUse]]:
    operands = [values[arg] if isinstance(arg, str) else np.asarray(arg) for arg in node["args"]]
    value = values[node["name"]]
    raws = RULES[node["op"]].back(upstream, operands, value, node)
    return [
        (
            name,
            OperandUse(
                node,
                place,
                operands,
                value,
                upstream,
                np.asarray(raw),
                sum_to_shape(raw, operands[place].shape),
                arrived,
            ),
        )
        for place, (name, raw) in enumerate(zip(node["args"], raws, strict=True))
        if raw is not None and isinstance(name, str)
    ]


def sum_to_shape(raw: Array, shape: tuple[int, ...]) -> Array:
    """Return the array summed over the broadcast axes."""
    array = np.asarray(raw)
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    broadcast = tuple(axis for axis, size in enumerate(shape) if size == 1 != array.shape[axis])
    return array.sum(axis=broadcast, keepdims=True) if broadcast else array
