"""Sum, mean and maximum, over all axes or some."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.problem.errors import describe
from verifier.problem.graph import (
    GraphOperation,
    InferredNode,
    Locality,
    MisfitError,
    Node,
    Shape,
    negative_axes,
)

_OPTIONS = ("axis", "keepdims")


def _fit(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    (shape,) = shapes
    axes = negative_axes(options.get("axis"), len(shape))
    keepdims = options.get("keepdims", False)
    if not isinstance(keepdims, bool):
        raise MisfitError("true or false", describe(keepdims), field="keepdims")
    kept = [
        1 if axis in axes else shape[axis] for axis in range(-len(shape), 0) if keepdims or axis not in axes
    ]
    count = prod(shape[axis] for axis in axes)
    return InferredNode(tuple(kept), {"axes": axes, "keepdims": keepdims, "count": count})


def _fit_nonempty(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    fit = _fit(options, shapes)
    if not fit.options["count"]:
        raise MisfitError("at least one entry to reduce", f"none, in shape {shapes[0]}")
    return fit


def _broadcast_back(A: Any, node: Node, upstream: Any) -> Any:
    upstream = _with_kept_axes(A, node, upstream)
    return A.move(lambda part: np.broadcast_to(part, node.operand_shapes[0]), upstream)


def _with_kept_axes(A: Any, node: Node, upstream: Any) -> Any:
    """Restore the reduced axes, with size 1."""
    axes, shape = node.options["axes"], node.operand_shapes[0]
    whole = tuple(1 if axis in axes else shape[axis] for axis in range(-len(shape), 0))
    return A.move(lambda part: part.reshape(whole), upstream)


def _total(A: Any, node: Node, operands: Sequence[Any]) -> Any:
    return A.total(operands[0], node.options["axes"], node.options["keepdims"])


def _locality(node: Node, perturbed: Sequence[bool]) -> Locality:
    return Locality.EVERYTHING if -len(node.operand_shapes[0]) in node.options["axes"] else Locality.ROW


def _locality_of_sum(node: Node, perturbed: Sequence[bool]) -> Locality:
    locality = _locality(node, perturbed)
    return Locality.TERM if locality is Locality.EVERYTHING and prod(node.shape) == 1 else locality


def _row_terms(node: Node, operands: Sequence[Array]) -> Array:
    (rows,) = operands
    return np.asarray(rows.reshape(*rows.shape[:2], -1).sum(axis=-1))


def _in_torch(name: str) -> Any:
    def applied(torch: Any, node: Node, operands: Sequence[Any]) -> Any:
        axes = node.options["axes"]
        if not axes:  # in PyTorch an empty list of axes means all of them
            return operands[0] * 1.0
        return getattr(torch, name)(operands[0], dim=axes, keepdim=node.options["keepdims"])

    return applied


def _in_graph(name: str) -> Any:
    return lambda graph, node, operands: getattr(graph, name)(
        node.options["axes"], keepdims=node.options["keepdims"]
    )(operands[0])


def _kinks_of_max(node: Node, values: Sequence[Array], half_widths: Sequence[Array]) -> Array | None:
    """True for entries that may be the maximum, where several may be."""
    axes = node.options["axes"]
    least = (values[0] - half_widths[0]).max(axis=axes, keepdims=True)
    candidates = ~(values[0] + half_widths[0] < least)
    return np.asarray(candidates & (candidates.sum(axis=axes, keepdims=True) > 1))


SUM = GraphOperation(
    name="sum",
    description="Σ over `axis` (a number, a list, or all), with `keepdims` as numpy has it",
    operands=(1, 1),
    fit=_fit,
    value=_total,
    vjp=lambda A, node, operands, value, upstream, kinks: (_broadcast_back(A, node, upstream),),
    in_torch=_in_torch("sum"),
    in_graph=_in_graph("Sum"),
    options=_OPTIONS,
    locality=_locality_of_sum,
    row_terms=_row_terms,
)
MEAN = GraphOperation(
    name="mean",
    description="the mean over `axis`",
    operands=(1, 1),
    fit=_fit_nonempty,
    value=lambda A, node, operands: A.scaled(_total(A, node, operands), 1.0, node.options["count"]),
    vjp=lambda A, node, operands, value, upstream, kinks: (
        _broadcast_back(A, node, A.scaled(upstream, 1.0, node.options["count"])),
    ),
    in_torch=_in_torch("mean"),
    in_graph=_in_graph("Mean"),
    options=_OPTIONS,
    locality=_locality_of_sum,
    row_terms=lambda node, operands: _row_terms(node, operands) / node.options["count"],
)
MAX = GraphOperation(
    name="max",
    description="the largest over `axis`; among several largest every way of sharing the gradient is right",
    operands=(1, 1),
    fit=_fit_nonempty,
    value=lambda A, node, operands: A.maximum(operands[0], node.options["axes"], node.options["keepdims"]),
    vjp=lambda A, node, operands, value, upstream, kinks: (
        A.maximum_vjp(operands[0], _with_kept_axes(A, node, upstream), node.options["axes"], kinks),
    ),
    in_torch=_in_torch("amax"),
    in_graph=_in_graph("Max"),
    options=_OPTIONS,
    kinks=_kinks_of_max,
    locality=_locality,
)
