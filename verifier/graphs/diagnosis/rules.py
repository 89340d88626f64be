"""Wrong local rules, a row each: what a gradient becomes where one use of a value is differentiated so."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.broadcasting import summed_back
from verifier.graphs.diagnosis.arcs import Arc, Arcs

_MOST_ARCS = 64


@dataclass(frozen=True, slots=True)
class LocalRule:
    """explanation, hint: sentences with {place}, the gradient's name, and {use}, the node that is concerned.

    candidates: (arcs, shape) -> (the node concerned, what the gradient becomes).
    """

    id: str
    title: str
    right: str
    wrong: str
    explanation: str
    hint: str
    candidates: Callable[[Arcs], Iterator[tuple[str, Array]]]


def _with(arcs: Arcs, changed: Arc, share: Array) -> Array:
    """Give the sum of all shares, one of them changed."""
    return np.asarray(sum((share if arc is changed else arc.share for arc in arcs), np.zeros(share.shape)))


def _each(wrong: Callable[[Arc], Iterator[Array]]) -> Callable[[Arcs], Iterator[tuple[str, Array]]]:
    def candidates(arcs: Arcs) -> Iterator[tuple[str, Array]]:
        for arc in arcs[:_MOST_ARCS]:
            for share in wrong(arc):
                yield arc.node.name, _with(arcs, arc, share)

    return candidates


def _without_one(arcs: Arcs) -> Iterator[tuple[str, Array]]:
    if len(arcs) > 1:
        for arc in arcs[:_MOST_ARCS]:
            yield arc.node.name, _with(arcs, arc, np.zeros(arc.share.shape))


def _one_alone(arcs: Arcs) -> Iterator[tuple[str, Array]]:
    if len(arcs) > 1:
        for arc in arcs[:_MOST_ARCS]:
            yield arc.node.name, arc.share


def _copies(arc: Arc) -> Iterator[Array]:
    """Take one of the copies that broadcasting made, or their mean, instead of their sum."""
    shape, raw = arc.share.shape, arc.raw.shape
    if shape == raw:
        return
    front = len(raw) - len(shape)
    stretched = [axis for axis in range(front, len(raw)) if shape[axis - front] == 1 != raw[axis]]
    axes = (*range(front), *stretched)
    for chosen in (0, -1):
        index = tuple(chosen if axis in axes else slice(None) for axis in range(len(raw)))
        yield np.asarray(arc.raw[index]).reshape(shape)
    yield np.asarray(arc.raw.mean(axis=axes)).reshape(shape)


def _exchanged(arc: Arc) -> Iterator[Array]:
    """Multiply the wrong way round, or turn the wrong factor, wherever the shapes allow it."""
    if arc.node.operation.name != "matmul" or any(own.ndim != 2 for own in arc.operands):
        return
    other, u, shape = arc.operands[1 - arc.place], arc.upstream, arc.share.shape
    products = [(x, y) for x in (u, u.T) for y in (other, other.T)]
    for x, y in [*products, *((y, x) for x, y in products)]:
        if x.shape[1] != y.shape[0]:
            continue
        for product in (x @ y, (x @ y).T):
            if product.shape == shape and not np.allclose(product, arc.share, rtol=1e-9, atol=0.0):
                yield product


def _own_operand(arc: Arc) -> Iterator[Array]:
    """Multiply by the operand itself, not by the other one."""
    if arc.node.operation.name == "multiply":
        yield np.asarray(summed_back(FLOATS, arc.upstream * arc.operands[arc.place], arc.share.shape))


def _rows_assigned(arc: Arc) -> Iterator[Array]:
    """Write rows to their places one after the other: of a row looked up twice the last use stays."""
    if arc.node.operation.name == "embedding":
        places = arc.node.data[1].astype(np.intp).ravel()
        rows, width = arc.node.operand_shapes[0]
        found = np.zeros((rows, width))
        found[places] = arc.upstream.reshape(places.size, width)
        yield found


def _upstream_alone(arc: Arc) -> Iterator[Array]:
    """Hand the gradient on as it comes, the operation's own derivative forgotten."""
    try:
        copied = np.broadcast_to(arc.upstream, np.broadcast_shapes(arc.upstream.shape, arc.share.shape))
    except ValueError:
        return
    if arc.node.operation.name not in ("add", "identity"):
        yield np.asarray(summed_back(FLOATS, copied, arc.share.shape))


def _operand_for_value(arc: Arc) -> Iterator[Array]:
    """Take the derivative where the operation's value stands, not its operand: 1 − tanh²(z), say."""
    function = arc.node.options.get("function")
    if function is not None:
        value = function.forward(arc.operands[0])
        if function.name == "log":  # 1/x has a value where log has none
            yield np.asarray(arc.upstream / value)
        else:
            yield np.asarray(function.pull_back(value, arc.upstream))


def _scaled_by(arcs: Arcs) -> Iterator[tuple[str, Array]]:
    """Forget or repeat what a mean, a sum or a loss divides and multiplies by."""
    for arc in arcs[:_MOST_ARCS]:
        counts = {int(arc.node.options.get("count", 0)), int(arc.node.options.get("divisor", 0))}
        for count in sorted(counts - {0, 1}):
            yield arc.node.name, _with(arcs, arc, arc.share * count)
            yield arc.node.name, _with(arcs, arc, arc.share / count)
        if "risk" in arc.node.options:
            yield arc.node.name, _with(arcs, arc, arc.share * 2.0)
            yield arc.node.name, _with(arcs, arc, arc.share / 2.0)


def _products(arcs: Arcs) -> Iterator[tuple[str, Array]]:
    """Multiply shares where they add: all, or neighbours alone; what hands back nothing is no path."""
    carrying = [arc for arc in arcs[:_MOST_ARCS] if arc.share.any()]
    for one, other in pairwise(carrying):
        yield other.node.name, one.share * other.share
    if len(carrying) > 2:
        yield carrying[-1].node.name, np.asarray(prod((arc.share for arc in carrying), start=1.0))


LOCAL_RULES = (
    LocalRule(
        "missing-local-derivative",
        "The operation's own derivative is missing",
        "v̄ = ū · ∂u/∂v",
        "v̄′ = ū",
        "The gradient of {place} is that of {use} as it comes: the derivative of {use} by it is missing.",
        "By what does the chain rule multiply on the way back through {use}?",
        _each(_upstream_alone),
    ),
    LocalRule(
        "missing-path",
        "A path is missing",
        "v̄ = Σ over all uses u of v: ū · ∂u/∂v",
        "v̄′ = the sum without one use",
        "The gradient of {place} lacks what comes back through {use}.",
        "How many nodes use {place}, and how many of them does its gradient hear of?",
        _without_one,
    ),
    LocalRule(
        "assigned-for-accumulated",
        "A gradient is assigned where it adds up",
        "v̄ ← v̄ + ū · ∂u/∂v",
        "v̄ ← ū · ∂u/∂v",
        "The gradient of {place} is what comes back through {use} alone: it was assigned, not added.",
        "What becomes of the first path's gradient when the second one arrives at {place}?",
        _one_alone,
    ),
    LocalRule(
        "repeated-rows-assigned",
        "Rows that were looked up twice are assigned, not added up",
        "Ē[i] = Σ over all uses of row i",
        "Ē[i] = the last use's",
        "Where {use} looks up a row of {place} more than once, the gradient has the last use alone.",
        "What does `gradient[indices] = …`, or `+=`, do with an index that stands there twice?",
        _each(_rows_assigned),
    ),
    LocalRule(
        "broadcast-not-summed",
        "Broadcasting is not summed back",
        "v̄ = Σ over the copies of v",
        "v̄′ = one copy, or their mean",
        "{place} was copied by broadcasting in {use}, and its gradient is not the sum over the copies.",
        "How often does {use} use each entry of {place}?",
        _each(_copies),
    ),
    LocalRule(
        "matmul-operands-exchanged",
        "A product's operands are exchanged or turned",
        "for u = x y: x̄ = ū yᵀ, ȳ = xᵀ ū",
        "another order, or another transposition",
        "The gradient of {place} is another product of the same two matrices than the one {use} asks for.",
        "Which of the two matrices is transposed on the way back through {use}, and which stands first?",
        _each(_exchanged),
    ),
    LocalRule(
        "multiply-operands-exchanged",
        "A product is differentiated to its own operand",
        "for u = x y: x̄ = ū y, ȳ = ū x",
        "x̄′ = ū x, ȳ′ = ū y",
        "The gradient of {place} is that of {use} times {place} itself, not times the other factor.",
        "How much does {use} grow when {place} grows by one?",
        _each(_own_operand),
    ),
    LocalRule(
        "wrong-sign",
        "A sign is wrong",
        "v̄ = ū · ∂u/∂v",
        "v̄′ = −ū · ∂u/∂v",
        "What comes back through {use} has the opposite sign in the gradient of {place}.",
        "Does {use} grow or fall as {place} grows?",
        _each(lambda arc: iter((-arc.share,))),
    ),
    LocalRule(
        "derivative-of-value",
        "The derivative is taken at the value, not at the operand",
        "v̄ = ū · g′(v)",
        "v̄′ = ū · g′(g(v))",
        "The derivative of {use} was taken where its value stands, not where {place} does.",
        "Of which number is the derivative of {use} a function?",
        _each(_operand_for_value),
    ),
    LocalRule(
        "count-factor",
        "A factor of a mean or a loss is forgotten or repeated",
        "v̄ = ū / n",
        "v̄′ = ū, or ū / n²",
        "What comes back through {use} is off by the number that {use} divides by, or by its half.",
        "By what does {use} divide, and how often does its gradient?",
        _scaled_by,
    ),
    LocalRule(
        "paths-multiplied",
        "Paths are multiplied where they add",
        "v̄ = Σ over all uses",
        "v̄′ = Π over all uses",
        "The gradient of {place} is the product of what comes back by its paths, not their sum.",
        "What does the chain rule do with several paths?",
        _products,
    ),
)
