"""Reverse mode: the chain rule from the output to all nodes it depends on, in one sweep."""

from collections.abc import Sequence

import numpy as np

from reference_impl.graph.arrays import Array, as_array, frozen
from reference_impl.graph.errors import BrokenBackwardError, NotScalarError
from reference_impl.graph.operations import Operation


@np.errstate(all="ignore")  # infinity and NaN are valid results here
def backpropagate(order: Sequence[Operation], output: Operation) -> dict[Operation, Array]:
    """Return the derivative of `output` with respect to every node, and store `grad` and `grads` in each.

    Every node is visited once, after all nodes that use it; the gradients from its uses add up. A node that
    `output` does not depend on gets zeros.

    Shapes: `order` lists operands before the operations on them; each gradient has its node's shape.
    Raises NotScalarError if `output` is not one number, and BrokenBackwardError with the name of an
    operation whose gradients have wrong shapes.
    """
    if output.value.size != 1:
        raise NotScalarError(
            f"{output} has shape {output.value.shape}, and only one number has a gradient: sum or average it"
        )
    gradients = {output: frozen(np.ones_like(output.value))}
    for node in reversed(order):
        if node in gradients:
            operand_grads = _operand_gradients(node, gradients[node])
            for operand, grad in zip(node.operands, operand_grads, strict=True):
                gradients[operand] = frozen(gradients[operand] + grad) if operand in gradients else grad
        else:
            gradients[node] = frozen(np.zeros_like(node.value))
            operand_grads = tuple(frozen(np.zeros_like(operand.value)) for operand in node.operands)
        node.receive_gradients(gradients[node], operand_grads)
    return gradients


def _operand_gradients(node: Operation, output_grad: Array) -> tuple[Array, ...]:
    """Return the results of the node's backward, whose shapes are checked."""
    grads = tuple(frozen(as_array(grad)) for grad in node.backward(output_grad))
    expected = [value.shape for value in node.operand_values] if node.operands else []
    shapes = [grad.shape for grad in grads]
    if shapes != expected:
        raise BrokenBackwardError(
            f"{node}.backward returned gradients of shapes {shapes} for operands of shapes {expected}: "
            "return one gradient an operand, of the operand's shape"
        )
    return grads
