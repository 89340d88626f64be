"""Operations of lowered networks, which documents do not have: affine map, masked activation, risk."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from reference_impl.array import Array
from verifier.engine.operations.functions import kinks_of_function
from verifier.problem.graph import GraphOperation, Node, no_kinks


def _lowered_only(*arguments: Any) -> Any:
    raise NotImplementedError("an operation of lowered graphs has no document and no twin in other libraries")


def _operation(
    name: str,
    description: str,
    operands: tuple[int, int],
    value: Callable[[Any, Node, Sequence[Any]], Any],
    vjp: Callable[[Any, Node, Sequence[Any], Any, Any, Array | None], tuple[Any, ...]],
    kinks: Any = no_kinks,
) -> GraphOperation:
    return GraphOperation(
        name=name,
        description=description,
        operands=operands,
        fit=_lowered_only,
        value=value,
        vjp=vjp,
        in_torch=_lowered_only,
        in_graph=_lowered_only,
        kinks=kinks,
    )


def _vjp_affine(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    x, w, *bias = operands
    products: tuple[Any, ...] = A.affine_vjp(x, w, upstream, of_x=0 not in node.data, with_bias=bool(bias))
    return products


AFFINE = _operation(
    "affine",
    "x W + b for matrices x and W, with a row b or without",
    (2, 3),
    lambda A, node, operands: A.affine(*operands),
    _vjp_affine,
)


def _activated(A: Any, node: Node, operands: Sequence[Any]) -> Any:
    return _masked(A, node, A.applied(node.options["function"], operands[0]))


def _vjp_activated(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    return (A.activation_vjp(node.options["function"], operands[0], _masked(A, node, upstream), kinks),)


def _masked(A: Any, node: Node, x: Any) -> Any:
    mask = node.options["mask"]
    return x if mask is None else A.times(x, A.constant(mask))


ACTIVATION = _operation(
    "activation",
    "a function, times a constant mask or None",
    (1, 1),
    _activated,
    _vjp_activated,
    kinks_of_function,
)
SMOOTH_ACTIVATION = replace(ACTIVATION, kinks=no_kinks)
"""The same for functions without kinks."""


def _risk(A: Any, node: Node, operands: Sequence[Any]) -> Any:
    losses = example_losses(A, node, operands[0])
    return A.scaled(A.total(losses, (-1,)), node.options["example_scale"])


def example_losses(A: Any, node: Node, outputs: Any) -> Any:
    """Return the loss of each example, (…, N), for a node of `RISK`."""
    options = node.options
    return A.example_losses(options["terms"], outputs, node.data[1], options["output_scale"])


def _vjp_risk(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    # nothing comes after the risk, so `upstream` is 1
    scale = node.options["output_scale"] * node.options["example_scale"]
    return (A.scaled_loss_slopes(node.options["terms"], operands[0], node.data[1], scale, kinks),)


def _kinks_of_risk(node: Node, values: Sequence[Array], half_widths: Sequence[Array]) -> Array | None:
    return node.options["terms"].at_kink(values[0], node.data[1], half_widths[0])  # type: ignore[no-any-return]


RISK = _operation(
    "risk",
    "the sum of the losses of all examples, or their mean; the last node",
    (1, 1),
    _risk,
    _vjp_risk,
)
KINKED_RISK = replace(RISK, kinks=_kinks_of_risk)
"""The same for losses with kinks."""
