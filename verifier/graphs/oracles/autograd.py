"""PyTorch's autograd over PyTorch's own functions, in float64, from the same document."""

import numpy as np

from verifier.estimate import Answer, Uncertainty, WithinRounding
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.rounding import GraphRounding


def gradient(problem: GraphProblem, honest: GraphRounding) -> Answer:
    """Build the graph, and differentiate its output with respect to all that is asked.

    Error: an estimate, the rounding of honest float64 arithmetic on this problem.
    Raises: MemoryError.
    """
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a PyTorch whose own libraries do not load
        return Answer({}, Uncertainty.UNKNOWN, reason=f"PyTorch cannot be imported: {error}")
    tensors = {
        name: torch.tensor(values.copy(), requires_grad=True)
        for name, values in (*problem.inputs.items(), *problem.parameters.items())
    }
    tensors |= {name: torch.tensor(values.copy()) for name, values in problem.constants.items()}
    try:
        for node in problem.nodes:
            operands = [tensors[operand] for operand in node.operands]
            own = node.operation.in_torch(torch, node, operands)
            own = own * 1.0 if any(own is operand for operand in operands) else own  # identity
            tensors[node.name] = own if own.requires_grad else own.requires_grad_()
        asked = [tensors[plain(key)] for key in problem.asked]
        output = tensors[problem.output].reshape(())
        found = torch.autograd.grad(output, asked, allow_unused=True) if asked else ()
    except RuntimeError as error:
        if "allocate memory" in str(error):  # PyTorch has no class of its own for it on the CPU
            raise MemoryError("PyTorch ran out of memory") from error
        raise
    values = {
        key: np.zeros(tuple(tensor.shape)) if own is None else own.numpy()
        for key, tensor, own in zip(problem.asked, asked, found, strict=True)
    }
    return Answer(WithinRounding(values, honest), Uncertainty.ESTIMATE)
