"""A graph's document forward and back, node by node, with a change at one place where that is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.graph_students.rules import RULES, Array


@dataclass(frozen=True)
class Use:
    """One use of a value: by a node, as its operand number `place`. raw: handed back, copies not summed."""

    node: Mapping[str, Any]
    place: int
    operands: list[Array]
    value: Array
    upstream: Array
    raw: Array
    share: Array


Change = Callable[[list[Use]], Array]


def forward(document: Mapping[str, Any]) -> dict[str, Array]:
    values = {**document["inputs"], **document["parameters"]}
    with np.errstate(all="ignore"):
        for node in document["network"]["nodes"]:
            operands = [values[own] if isinstance(own, str) else np.asarray(own) for own in node["args"]]
            values[node["name"]] = np.asarray(RULES[node["op"]].forward(operands, node))
    return values


def backward(
    document: Mapping[str, Any], values: Mapping[str, Array], at: str = "", change: Change | None = None
) -> tuple[dict[str, Array], dict[str, list[Use]]]:
    """Give ∂output/∂v of every v by plain name, and every use of it. The gradient of `at` is changed.

    Data, which nobody differentiates, has no uses.
    """
    uses: dict[str, list[Use]] = {name: [] for name in values}
    nodes = {node["name"]: node for node in document["network"]["nodes"]}
    found = {}
    leaves = [*document["inputs"], *document["parameters"]]
    with np.errstate(all="ignore"):
        for name in [*reversed(nodes), *leaves]:
            start = np.ones if name == document["network"]["output"] else np.zeros
            gradient = sum((use.share for use in uses[name]), start(values[name].shape))
            if name == at and change is not None:
                gradient = change(uses[name])
            found[name] = np.asarray(gradient)
            if name in nodes:
                for operand, use in _handed_back(nodes[name], values, found[name]):
                    uses[operand].append(use)
    return found, uses


def _handed_back(
    node: Mapping[str, Any], values: Mapping[str, Array], upstream: Array
) -> list[tuple[str, Use]]:
    operands = [values[own] if isinstance(own, str) else np.asarray(own) for own in node["args"]]
    value = values[node["name"]]
    raws = RULES[node["op"]].back(upstream, operands, value, node)
    return [
        (
            name,
            Use(node, place, operands, value, upstream, np.asarray(raw), summed(raw, operands[place].shape)),
        )
        for place, (name, raw) in enumerate(zip(node["args"], raws, strict=True))
        if raw is not None and isinstance(name, str)
    ]


def summed(raw: Array, shape: tuple[int, ...]) -> Array:
    """Add up what broadcasting copied."""
    found = np.asarray(raw)
    found = found.sum(axis=tuple(range(found.ndim - len(shape))))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 != found.shape[axis])
    return found.sum(axis=stretched, keepdims=True) if stretched else found
