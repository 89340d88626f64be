"""Sum, difference, product, quotient and negation, with numpy's broadcasting."""

from collections.abc import Callable, Sequence
from typing import Any

from reference_impl.array import Array
from verifier.engine.autodiff import aligned
from verifier.problem.graph import GraphOperation, InferredNode, Locality, Node, Shape, broadcast

Vjp = Callable[[Any, Any, Any, Any, Any], tuple[Any, ...]]


def _binary(
    name: str,
    description: str,
    value: Callable[[Any, Any, Any], Any],
    vjp: Vjp,
    applied: Callable[[Any, Any], Any],
) -> GraphOperation:
    """Return an operation of two operands.

    vjp: (A, x, y, value, upstream) -> both gradients, before summing over broadcast copies.
    """

    def of_node(A: Any, node: Node, operands: Sequence[Any]) -> Any:
        x, y = aligned(A, operands, [len(shape) for shape in node.operand_shapes])
        return value(A, x, y)

    def back(
        A: Any, node: Node, operands: Sequence[Any], result: Any, upstream: Any, kinks: Array | None
    ) -> tuple[Any, ...]:
        x, y = operands
        return vjp(A, x, y, result, upstream)

    return GraphOperation(
        name=name,
        description=description,
        operands=(2, 2),
        fit=_fit,
        value=of_node,
        vjp=back,
        in_torch=lambda torch, node, operands: applied(*operands),
        in_graph=lambda graph, node, operands: applied(*operands),
        stacks=True,
        broadcasts=True,
        locality=_locality,
    )


def _locality(node: Node, perturbed: Sequence[bool]) -> Locality:
    shapes = [shape for shape, moves in zip(node.operand_shapes, perturbed, strict=True) if moves]
    if all(shape == node.shape for shape in shapes):
        return Locality.ENTRY
    same_axis = all(len(shape) == len(node.shape) and shape[0] == node.shape[0] for shape in shapes)
    return Locality.ROW if same_axis else Locality.EVERYTHING


def _fit(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    return InferredNode(broadcast(shapes))


ADD = _binary(
    "add",
    "x + y",
    lambda A, x, y: A.plus(x, y),
    lambda A, x, y, value, u: (u, u),
    lambda x, y: x + y,
)
SUBTRACT = _binary(
    "subtract",
    "x − y",
    lambda A, x, y: A.minus(x, y),
    lambda A, x, y, value, u: (u, A.negative(u)),
    lambda x, y: x - y,
)
MULTIPLY = _binary(
    "multiply",
    "x · y, entry by entry",
    lambda A, x, y: A.times(x, y),
    lambda A, x, y, value, u: (A.times(u, y), A.times(u, x)),
    lambda x, y: x * y,
)
DIVIDE = _binary(
    "divide",
    "x / y",
    lambda A, x, y: A.divided(x, y),
    lambda A, x, y, value, u: (A.divided(u, y), A.negative(A.divided(A.times(u, value), y))),
    lambda x, y: x / y,
)
NEGATE = GraphOperation(
    name="negate",
    description="−x",
    operands=(1, 1),
    fit=lambda options, shapes: InferredNode(shapes[0]),
    value=lambda A, node, operands: A.negative(operands[0]),
    vjp=lambda A, node, operands, value, upstream, kinks: (A.negative(upstream),),
    in_torch=lambda torch, node, operands: -operands[0],
    in_graph=lambda graph, node, operands: -operands[0],
    stacks=True,
    locality=lambda node, perturbed: Locality.ENTRY,
)
