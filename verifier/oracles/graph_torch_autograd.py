"""PyTorch's autograd over PyTorch's derivative functions, in float64, from the same document."""

import numpy as np

from verifier.engine.estimate import Answer, WithinRounding
from verifier.engine.graph_rounding import GraphRounding
from verifier.problem.graph import GraphProblem, node_name
from verifier.report.model import Uncertainty


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the derivatives of the output by everything in `requested`, from a graph of PyTorch's functions.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem.
    Raises: MemoryError.
    """
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: libraries of PyTorch that cannot be loaded
        return Answer({}, Uncertainty.UNKNOWN, reason=f"PyTorch cannot be imported: {error}")
    variables_and_output = {*map(node_name, problem.requested), problem.output}
    tensors = {
        name: torch.tensor(values.copy(), requires_grad=name in variables_and_output)
        for name, values in problem.leaves()
    }
    try:
        for node in problem.nodes:
            operands = [tensors[operand] for operand in node.operands]
            tensor = node.operation.in_torch(torch, node, operands)
            if any(tensor is operand for operand in operands):  # identity returns its operand
                tensor = tensor * 1.0
            if node.name in variables_and_output and not tensor.requires_grad:
                tensor.requires_grad_()
            tensors[node.name] = tensor
        variables = [tensors[node_name(key)] for key in problem.requested]
        output = tensors[problem.output].reshape(())
        gradients = torch.autograd.grad(output, variables, allow_unused=True) if variables else ()
    except RuntimeError as error:
        if "allocate memory" in str(error):  # PyTorch raises no specific class for this on the CPU
            raise MemoryError("PyTorch ran out of memory") from error
        raise
    values = {
        key: np.zeros(tuple(tensor.shape)) if derivative is None else derivative.numpy()
        for key, tensor, derivative in zip(problem.requested, variables, gradients, strict=True)
    }
    return Answer(WithinRounding(values, float64_rounding), Uncertainty.ESTIMATE)
