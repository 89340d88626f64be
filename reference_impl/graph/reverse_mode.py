"""Backpropagation: the chain rule from the output to everything it depends on, in one sweep."""

from collections.abc import Sequence

import numpy as np

from reference_impl.graph.arrays import Array, as_array, frozen
from reference_impl.graph.errors import BrokenBackwardError, NotScalarError
from reference_impl.graph.operation import Operation


@np.errstate(all="ignore")  # infinity and NaN are results here, not accidents
def backpropagate(order: Sequence[Operation], output: Operation) -> dict[Operation, Array]:
    """Differentiate `output` with respect to every node in `order`, and leave `grad` and `grads` in each.

    Every node is visited once, after all that use it; what they pass back adds up. A node that `output`
    does not depend on gets zeros.

    Shapes: `order` lists operands before the operations on them; each gradient has its node's shape.
    Raises: NotScalarError; BrokenBackwardError naming an operation whose gradients have wrong shapes.
    """
    if output.value.size != 1:
        raise NotScalarError(
            f"{output} has shape {output.value.shape}, and only one number has a gradient: sum or average it"
        )
    gradients = {output: frozen(np.ones_like(output.value))}
    for node in reversed(order):
        if node in gradients:
            shares = _shares(node, gradients[node])
            for operand, share in zip(node.operands, shares, strict=True):
                gradients[operand] = frozen(gradients[operand] + share) if operand in gradients else share
        else:
            gradients[node] = frozen(np.zeros_like(node.value))
            shares = tuple(frozen(np.zeros_like(operand.value)) for operand in node.operands)
        node.receive_gradients(gradients[node], shares)
    return gradients


def _shares(node: Operation, output_grad: Array) -> tuple[Array, ...]:
    """Run the node's backward and check that it keeps its contract."""
    shares = tuple(frozen(as_array(share)) for share in node.backward(output_grad))
    expected = [value.shape for value in node.operand_values] if node.operands else []
    found = [share.shape for share in shares]
    if found != expected:
        raise BrokenBackwardError(
            f"{node}.backward returned gradients of shapes {found} for operands of shapes {expected}: "
            "return one gradient an operand, of the operand's shape"
        )
    return shares
