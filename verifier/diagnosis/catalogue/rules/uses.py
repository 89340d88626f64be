"""Wrong local rules of graphs: the gradient of a value with one of its uses differentiated wrongly.

Each rule yields pairs of the node that uses the value and the wrong gradient.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from itertools import accumulate, combinations, pairwise
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.backward_sweep import Edge, Edges
from verifier.diagnosis.catalogue.bug import GraphRule
from verifier.diagnosis.catalogue.rules.numbers import least_squares_factor
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import summed_back

_SAME_SHARE = 1e-6  # of entries: a gradient that is known from differences is not exact
_MAX_EDGES = 64  # uses of a value that are tried; each costs a sum over all of them


def _sum_with(edges: Edges, changed: Edge, share: Array) -> Array:
    """Return the sum of all shares with one of them replaced."""
    shares = (share if edge is changed else edge.share for edge in edges)
    return np.asarray(sum(shares, np.zeros(share.shape)))


def _at_each_edge(wrong_shares: Callable[[Edge], Iterator[Array]]) -> GraphRule:
    """Return the rule that replaces the share of one edge at a time."""

    @wraps(wrong_shares)
    def rule(edges: Edges) -> Iterator[tuple[str, Array]]:
        for edge in edges[:_MAX_EDGES]:
            for share in wrong_shares(edge):
                yield edge.node.name, _sum_with(edges, edge, share)

    return rule


@_at_each_edge
def upstream_alone(edge: Edge) -> Iterator[Array]:
    """Yield the upstream gradient without the derivative of the operation."""
    try:
        copied = np.broadcast_to(edge.upstream, np.broadcast_shapes(edge.upstream.shape, edge.share.shape))
    except ValueError:
        return
    if edge.node.operation.name not in ("add", "identity"):
        yield np.asarray(summed_back(FLOATS, copied, edge.share.shape))


def all_uses_but_one(edges: Edges) -> Iterator[tuple[str, Array]]:
    if len(edges) > 1:
        for edge in edges[:_MAX_EDGES]:
            yield edge.node.name, _sum_with(edges, edge, np.zeros(edge.share.shape))


def one_use_alone(edges: Edges) -> Iterator[tuple[str, Array]]:
    if len(edges) > 1:
        for edge in edges[:_MAX_EDGES]:
            yield edge.node.name, edge.share


def product_of_uses(edges: Edges) -> Iterator[tuple[str, Array]]:
    """Yield products of shares in place of their sum: of all, or of neighbours; zero shares are skipped."""
    nonzero_edges = [edge for edge in edges[:_MAX_EDGES] if edge.share.any()]
    for first, second in pairwise(nonzero_edges):
        yield second.node.name, first.share * second.share
    if len(nonzero_edges) > 2:
        yield nonzero_edges[-1].node.name, np.asarray(prod((edge.share for edge in nonzero_edges), start=1.0))


@_at_each_edge
def opposite_sign(edge: Edge) -> Iterator[Array]:
    yield -edge.share


@_at_each_edge
def derivative_at_value(edge: Edge) -> Iterator[Array]:
    """Yield the derivative at the operation's value in place of its operand, as in 1 − tanh²(z)."""
    function = edge.node.options.get("function")
    if function is not None:
        value = function.forward(edge.operands[0])
        if function.name == "log":  # 1/x is defined where log is not
            yield np.asarray(edge.upstream / value)
        else:
            yield np.asarray(function.vjp(value, edge.upstream))


@_at_each_edge
def other_matrix_products(edge: Edge) -> Iterator[Array]:
    """Yield matrix products in another order or with another transposition, if the shapes allow it."""
    if edge.node.operation.name != "matmul" or any(operand.ndim != 2 for operand in edge.operands):
        return
    other, u, shape = edge.operands[1 - edge.place], edge.upstream, edge.share.shape
    products = [(x, y) for x in (u, u.T) for y in (other, other.T)]
    for x, y in [*products, *((y, x) for x, y in products)]:
        if x.shape[1] != y.shape[0]:
            continue
        for product in (x @ y, (x @ y).T):
            if product.shape == shape and not np.allclose(product, edge.share, rtol=1e-9, atol=0.0):
                yield product


@_at_each_edge
def times_same_operand(edge: Edge) -> Iterator[Array]:
    """Yield the product with the operand itself in place of the other one."""
    if edge.node.operation.name == "multiply":
        yield np.asarray(summed_back(FLOATS, edge.upstream * edge.operands[edge.place], edge.share.shape))


@_at_each_edge
def last_of_repeated_rows(edge: Edge) -> Iterator[Array]:
    """Yield rows assigned in place of accumulated: a row looked up twice keeps its last use only."""
    if edge.node.operation.name == "embedding":
        places = edge.node.data[1].astype(np.intp).ravel()
        rows, width = edge.node.operand_shapes[0]
        gradient = np.zeros((rows, width))
        gradient[places] = edge.upstream.reshape(places.size, width)
        yield gradient


@_at_each_edge
def one_broadcast_copy(edge: Edge) -> Iterator[Array]:
    """Yield the first or the last of the broadcast copies in place of their sum."""
    axes = _broadcast_axes(edge)
    if axes:
        for chosen in (0, -1):
            index = tuple(chosen if axis in axes else slice(None) for axis in range(edge.raw.ndim))
            yield np.asarray(edge.raw[index]).reshape(edge.share.shape)


@_at_each_edge
def mean_of_broadcast_copies(edge: Edge) -> Iterator[Array]:
    axes = _broadcast_axes(edge)
    if axes:
        yield np.asarray(edge.raw.mean(axis=axes)).reshape(edge.share.shape)


def _broadcast_axes(edge: Edge) -> tuple[int, ...]:
    """Return the axes along which the value was copied."""
    shape, raw = edge.share.shape, edge.raw.shape
    added = len(raw) - len(shape)
    copied = (axis for axis in range(added, len(raw)) if shape[axis - added] == 1 != raw[axis])
    return (*range(added), *copied)


@_at_each_edge
def softmax_diagonal(edge: Edge) -> Iterator[Array]:
    """Yield the product with the diagonal of softmax's Jacobian alone."""
    function = edge.node.options.get("function")
    if function is not None and function.name == "softmax":
        p = function.forward(edge.operands[0])
        yield np.asarray(edge.upstream * p * (1.0 - p))


@_at_each_edge
def axis_not_restored(edge: Edge) -> Iterator[Array]:
    """Yield the gradient of a sum or mean copied along other axes than the reduced ones, as numpy does."""
    upstream, shape = edge.upstream, edge.share.shape
    reduced = len(shape) - upstream.ndim
    if reduced <= 0 or upstream.ndim == 0 or shape[reduced:] != upstream.shape:
        return
    for axes in combinations(range(len(shape)), reduced):
        restored = np.expand_dims(upstream, axes)
        if all(size in (1, length) for size, length in zip(restored.shape, shape, strict=True)):
            restored = np.broadcast_to(restored, shape)
            factor = least_squares_factor(edge.share, restored)  # 1 of a sum, 1 over the count of a mean
            if np.allclose(edge.share, factor * restored, rtol=_SAME_SHARE, atol=0.0):
                yield factor * np.broadcast_to(upstream, shape)


def no_gradient(edges: Edges) -> Iterator[tuple[str, Array]]:
    """Yield zeros for a value that one node uses: nothing was sent back to it."""
    if len(edges) == 1:
        yield edges[0].node.name, np.zeros(edges[0].share.shape)


@_at_each_edge
def partial_sums(edge: Edge) -> Iterator[Array]:
    """Yield the share of a node that hands on its gradient before all its uses have added to it.

    It hands on one part or the sum of the first ones, or, each time that a part arrives, the sum so far.
    """
    if len(edge.arrived) < 2:
        return
    for parts in (edge.arrived[:_MAX_EDGES], edge.arrived[:_MAX_EDGES][::-1]):
        sums = list(accumulate(parts))
        for partial in (*sums[:-1], *parts[1:-1], sum(sums, np.zeros_like(sums[0]))):
            yield edge.share_of(np.asarray(partial))


@_at_each_edge
def times_count(edge: Edge) -> Iterator[Array]:
    """Yield the share without the division by the count of a mean or a loss."""
    for count in _counts(edge):
        yield edge.share * count


@_at_each_edge
def divided_by_count_again(edge: Edge) -> Iterator[Array]:
    for count in _counts(edge):
        yield edge.share / count


@_at_each_edge
def twice_or_half_of_loss(edge: Edge) -> Iterator[Array]:
    if "risk" in edge.node.options:
        yield edge.share * 2.0
        yield edge.share / 2.0


def _counts(edge: Edge) -> list[int]:
    """Return the numbers by which a mean or a loss divides."""
    options = edge.node.options
    return sorted({int(options.get("count", 0)), int(options.get("divisor", 0))} - {0, 1})
