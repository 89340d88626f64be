"""Table of wrong local rules: formulas for the gradient of a value with one use differentiated wrongly."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import summed_back
from verifier.problem.graph import GraphProblem, Node

LOCAL_RULE = "local_rule"  # takes the place of the equation of a layer
UNEXPLAINED_TITLE = "No known wrong rule gives these numbers"
UNEXPLAINED_WORDS = "The error starts at {place}: it does not follow from the gradients of what uses it."
UNEXPLAINED_HINT = "Write down which nodes use {place}, and what each hands back."


def generic_hint(bug: str) -> str:
    """Return a rule's hint without the name of a node."""

    words = {"place": "the value", "use": "the node that uses it"}
    hints = {rule.id: rule.hint for rule in LOCAL_RULES}
    return hints.get(bug, UNEXPLAINED_HINT).format(**words)


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """One use of a value: an edge of the graph to `node`, as its operand number `place`.

    upstream: the gradient of the node. share: the contribution to the gradient of the value.
    raw: the same before the sum over broadcast copies.
    """

    node: Node
    place: int
    operands: tuple[Array, ...]
    upstream: Array
    raw: Array
    share: Array


Edges = Sequence[Edge]


def backward_sweep(
    problem: GraphProblem,
    values: Mapping[str, Array],
    settle: Callable[[str, Edges], Array | None],
) -> Iterator[tuple[str, Edges, Array]]:
    """Yield each name with its edges and gradient, in reverse topological order.

    settle: (name, edges) -> the gradient to continue with; None for the sum of the edges' shares.
    """
    shapes = problem.shapes()
    uses: dict[str, list[Edge]] = {name: [] for name in shapes}
    by_name = {node.name: node for node in problem.nodes}
    leaves = [name for name, _ in problem.leaves()]
    for name in [*(node.name for node in reversed(problem.nodes)), *leaves]:
        arcs = uses.pop(name)
        gradient = settle(name, arcs)
        if gradient is None:
            start = np.ones(shapes[name]) if name == problem.output else np.zeros(shapes[name])
            gradient = sum((arc.share for arc in arcs), start)
        yield name, arcs, np.asarray(gradient)
        node = by_name.get(name)
        if node is None:
            continue
        for operand, arc in _edges_of(node, values, np.asarray(gradient)):
            uses[operand].append(arc)


@np.errstate(all="ignore")
def _edges_of(node: Node, values: Mapping[str, Array], gradient: Array) -> list[tuple[str, Edge]]:
    """Return the name of each operand with its edge to the node."""
    operands = tuple(values[operand] for operand in node.operands)
    shares = node.operation.vjp(FLOATS, node, operands, values[node.name], gradient, None)
    return [
        (operand, Edge(node, place, operands, gradient, raw, summed_back(FLOATS, raw, shape)))
        for place, (operand, raw, shape) in enumerate(
            zip(node.operands, shares, node.operand_shapes, strict=True)
        )
        if raw is not None
    ]


_MOST_ARCS = 64  # uses of a value that are tried; each costs a sum over all of them


@dataclass(frozen=True, slots=True)
class LocalRule:
    """A wrong local rule with its texts.

    explanation, hint: templates with {place}, the name of the gradient, and {use}, the node that uses it.
    candidates: edges -> pairs of the node and the wrong gradient.
    """

    id: str
    title: str
    right: str
    wrong: str
    explanation: str
    hint: str
    candidates: Callable[[Edges], Iterator[tuple[str, Array]]]


def _sum_with(arcs: Edges, changed: Edge, share: Array) -> Array:
    """Return the sum of all shares with one of them replaced."""
    return np.asarray(sum((share if arc is changed else arc.share for arc in arcs), np.zeros(share.shape)))


def _replace_each(wrong: Callable[[Edge], Iterator[Array]]) -> Callable[[Edges], Iterator[tuple[str, Array]]]:
    """Return a rule that replaces one share at a time by the results of `wrong`."""

    def candidates(arcs: Edges) -> Iterator[tuple[str, Array]]:
        for arc in arcs[:_MOST_ARCS]:
            for share in wrong(arc):
                yield arc.node.name, _sum_with(arcs, arc, share)

    return candidates


def _omit_one(arcs: Edges) -> Iterator[tuple[str, Array]]:
    if len(arcs) > 1:
        for arc in arcs[:_MOST_ARCS]:
            yield arc.node.name, _sum_with(arcs, arc, np.zeros(arc.share.shape))


def _only_one(arcs: Edges) -> Iterator[tuple[str, Array]]:
    if len(arcs) > 1:
        for arc in arcs[:_MOST_ARCS]:
            yield arc.node.name, arc.share


def _single_copies(arc: Edge) -> Iterator[Array]:
    """Yield one of the broadcast copies, or their mean, in place of their sum."""
    shape, raw = arc.share.shape, arc.raw.shape
    if shape == raw:
        return
    added_axes = len(raw) - len(shape)
    broadcast_axes = [
        axis for axis in range(added_axes, len(raw)) if shape[axis - added_axes] == 1 != raw[axis]
    ]
    axes = (*range(added_axes), *broadcast_axes)
    for chosen in (0, -1):
        index = tuple(chosen if axis in axes else slice(None) for axis in range(len(raw)))
        yield np.asarray(arc.raw[index]).reshape(shape)
    yield np.asarray(arc.raw.mean(axis=axes)).reshape(shape)


def _wrong_matmuls(arc: Edge) -> Iterator[Array]:
    """Yield matrix products in another order or with another transposition, if the shapes allow it."""
    if arc.node.operation.name != "matmul" or any(operand.ndim != 2 for operand in arc.operands):
        return
    other, u, shape = arc.operands[1 - arc.place], arc.upstream, arc.share.shape
    products = [(x, y) for x in (u, u.T) for y in (other, other.T)]
    for x, y in [*products, *((y, x) for x, y in products)]:
        if x.shape[1] != y.shape[0]:
            continue
        for product in (x @ y, (x @ y).T):
            if product.shape == shape and not np.allclose(product, arc.share, rtol=1e-9, atol=0.0):
                yield product


def _own_operand(arc: Edge) -> Iterator[Array]:
    """Yield the product with the operand itself in place of the other one."""
    if arc.node.operation.name == "multiply":
        yield np.asarray(summed_back(FLOATS, arc.upstream * arc.operands[arc.place], arc.share.shape))


def _rows_assigned(arc: Edge) -> Iterator[Array]:
    """Yield rows assigned in place of accumulated: a row looked up twice keeps its last use only."""
    if arc.node.operation.name == "embedding":
        places = arc.node.data[1].astype(np.intp).ravel()
        rows, width = arc.node.operand_shapes[0]
        gradient = np.zeros((rows, width))
        gradient[places] = arc.upstream.reshape(places.size, width)
        yield gradient


def _upstream_alone(arc: Edge) -> Iterator[Array]:
    """Yield the upstream gradient without the derivative of the operation."""
    try:
        copied = np.broadcast_to(arc.upstream, np.broadcast_shapes(arc.upstream.shape, arc.share.shape))
    except ValueError:
        return
    if arc.node.operation.name not in ("add", "identity"):
        yield np.asarray(summed_back(FLOATS, copied, arc.share.shape))


def _operand_for_value(arc: Edge) -> Iterator[Array]:
    """Yield the derivative at the operation's value in place of its operand, as in 1 − tanh²(z)."""
    function = arc.node.options.get("function")
    if function is not None:
        value = function.forward(arc.operands[0])
        if function.name == "log":  # 1/x is defined where log is not
            yield np.asarray(arc.upstream / value)
        else:
            yield np.asarray(function.vjp(value, arc.upstream))


def _scaled_by(arcs: Edges) -> Iterator[tuple[str, Array]]:
    """Yield shares with the factor of a mean, a sum or a loss left out or applied twice."""
    for arc in arcs[:_MOST_ARCS]:
        counts = {int(arc.node.options.get("count", 0)), int(arc.node.options.get("divisor", 0))}
        for count in sorted(counts - {0, 1}):
            yield arc.node.name, _sum_with(arcs, arc, arc.share * count)
            yield arc.node.name, _sum_with(arcs, arc, arc.share / count)
        if "risk" in arc.node.options:
            yield arc.node.name, _sum_with(arcs, arc, arc.share * 2.0)
            yield arc.node.name, _sum_with(arcs, arc, arc.share / 2.0)


def _products(arcs: Edges) -> Iterator[tuple[str, Array]]:
    """Yield products of shares in place of their sum: of all, or of neighbours; zero shares are skipped."""
    nonzero_edges = [arc for arc in arcs[:_MOST_ARCS] if arc.share.any()]
    for first, second in pairwise(nonzero_edges):
        yield second.node.name, first.share * second.share
    if len(nonzero_edges) > 2:
        yield nonzero_edges[-1].node.name, np.asarray(prod((arc.share for arc in nonzero_edges), start=1.0))


LOCAL_RULES = (
    LocalRule(
        "missing-local-derivative",
        "The operation's own derivative is missing",
        "v̄ = ū · ∂u/∂v",
        "v̄′ = ū",
        "The gradient of {place} is that of {use} as it comes: the derivative of {use} by it is missing.",
        "By what does the chain rule multiply on the way back through {use}?",
        _replace_each(_upstream_alone),
    ),
    LocalRule(
        "missing-path",
        "A path is missing",
        "v̄ = Σ over all uses u of v: ū · ∂u/∂v",
        "v̄′ = the sum without one use",
        "The gradient of {place} lacks what comes back through {use}.",
        "How many nodes use {place}, and how many of them does its gradient hear of?",
        _omit_one,
    ),
    LocalRule(
        "assigned-for-accumulated",
        "A gradient is assigned where it adds up",
        "v̄ ← v̄ + ū · ∂u/∂v",
        "v̄ ← ū · ∂u/∂v",
        "The gradient of {place} is what comes back through {use} alone: it was assigned, not added.",
        "What becomes of the first path's gradient when the second one arrives at {place}?",
        _only_one,
    ),
    LocalRule(
        "repeated-rows-assigned",
        "Rows that were looked up twice are assigned, not added up",
        "Ē[i] = Σ over all uses of row i",
        "Ē[i] = the last use's",
        "Where {use} looks up a row of {place} more than once, the gradient has the last use alone.",
        "What does `gradient[indices] = …`, or `+=`, do with an index that stands there twice?",
        _replace_each(_rows_assigned),
    ),
    LocalRule(
        "broadcast-not-summed",
        "Broadcasting is not summed back",
        "v̄ = Σ over the copies of v",
        "v̄′ = one copy, or their mean",
        "{place} was copied by broadcasting in {use}, and its gradient is not the sum over the copies.",
        "How often does {use} use each entry of {place}?",
        _replace_each(_single_copies),
    ),
    LocalRule(
        "matmul-operands-exchanged",
        "A product's operands are exchanged or turned",
        "for u = x y: x̄ = ū yᵀ, ȳ = xᵀ ū",
        "another order, or another transposition",
        "The gradient of {place} is another product of the same two matrices than the one {use} asks for.",
        "Which of the two matrices is transposed on the way back through {use}, and which stands first?",
        _replace_each(_wrong_matmuls),
    ),
    LocalRule(
        "multiply-operands-exchanged",
        "A product is differentiated to its own operand",
        "for u = x y: x̄ = ū y, ȳ = ū x",
        "x̄′ = ū x, ȳ′ = ū y",
        "The gradient of {place} is that of {use} times {place} itself, not times the other factor.",
        "How much does {use} grow when {place} grows by one?",
        _replace_each(_own_operand),
    ),
    LocalRule(
        "wrong-sign",
        "A sign is wrong",
        "v̄ = ū · ∂u/∂v",
        "v̄′ = −ū · ∂u/∂v",
        "What comes back through {use} has the opposite sign in the gradient of {place}.",
        "Does {use} grow or fall as {place} grows?",
        _replace_each(lambda arc: iter((-arc.share,))),
    ),
    LocalRule(
        "derivative-of-value",
        "The derivative is taken at the value, not at the operand",
        "v̄ = ū · g′(v)",
        "v̄′ = ū · g′(g(v))",
        "The derivative of {use} was taken where its value stands, not where {place} does.",
        "Of which number is the derivative of {use} a function?",
        _replace_each(_operand_for_value),
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
