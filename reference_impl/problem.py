"""A problem, on which the gradient ∂R/∂w depends and nothing else does, and the value of its risk R."""

from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array, row_sums
from reference_impl.losses import NORMS, Penalty, Risk, Terms
from reference_impl.network import Batch, LayerParameters, Network, Parameters, Trace


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Problem:
    """A network, its parameters, a batch and a risk. Its solution is the gradient of the risk.

    Parameters
    ----------
    network : Network
    parameters : tuple of LayerParameters
        The point at which the gradient is taken.
    batch : Batch
    risk : Risk

    Examples
    --------
    >>> from reference_impl import LOSSES, Batch, Layer, LayerParameters, Network, Risk, activation
    >>> problem = Problem(
    ...     Network((Layer(2, 1, activation("identity")),)),
    ...     (LayerParameters(weight=[[1.0], [2.0]], bias=[0.0]),),
    ...     Batch(inputs=[[1.0, 1.0]], targets=[[5.0]]),
    ...     Risk(LOSSES["mse"], factor=0.5),
    ... )
    """

    network: Network
    parameters: Parameters
    batch: Batch
    risk: Risk


def terms_of_last_layer(problem: Problem) -> tuple[Terms, bool]:
    """Return the loss's terms, and True if they are functions of the last pre-activation.

    The logarithm of a softmax or a sigmoid is computed as one function of the pre-activation, so that no
    probability is rounded to 0 first. In all other cases the terms are functions of the output.
    """
    risk, last = problem.risk, len(problem.network.layers) - 1
    name = problem.network.layers[last].activation.name
    if risk.on == "probabilities" and last not in problem.batch.masks and name in risk.loss.of_preactivation:
        return risk.loss.of_preactivation[name], True
    return risk.loss.on[risk.on], False


def example_losses(problem: Problem, a: Array, outputs: Array) -> Array:
    """Return the loss of each example, with its factor and reduced over outputs.

    Parameters
    ----------
    problem : Problem
    a, outputs : array, shape (…, N, out)
        The pre-activation and the output of the last layer.

    Returns
    -------
    array, shape (…, N)

    Examples
    --------
    With the problem of the example of `Problem`:

    >>> from reference_impl import forward
    >>> trace = forward(problem.network, problem.parameters, problem.batch)
    >>> example_losses(problem, trace.a[-1], trace.outputs)
    array([2.])
    """
    terms, of_preactivation = terms_of_last_layer(problem)
    with np.errstate(over="ignore", invalid="ignore"):
        return losses_of_terms(
            problem, terms.value(a if of_preactivation else outputs, problem.batch.targets)
        )


def losses_of_terms(problem: Problem, values: Array) -> Array:
    """Return the loss of each example, shape (…, N), from the terms of all outputs, shape (…, N, out)."""
    return np.asarray(row_sums(values) * problem.risk.output_scale(values.shape[-1]))


def risk_value(problem: Problem, trace: Trace) -> float:
    """Return R, penalties included.

    Parameters
    ----------
    problem : Problem
    trace : Trace
        The forward pass of the problem's batch.

    Returns
    -------
    float

    Examples
    --------
    With the problem of the example of `Problem`:

    >>> from reference_impl import forward
    >>> risk_value(problem, forward(problem.network, problem.parameters, problem.batch))
    2.0
    """
    return risk_of_losses(problem, example_losses(problem, trace.a[-1], trace.outputs))


def risk_of_losses(problem: Problem, losses: Array) -> float:
    """Return R, penalties included, from the loss of each example, shape (N,)."""
    risk, size = problem.risk, problem.batch.size
    with np.errstate(over="ignore", invalid="ignore"):
        data = float(losses.sum()) * risk.example_scale(size)
        return data + sum(penalty_value(penalty, problem.parameters, size) for penalty in risk.penalties)


def penalised(penalty: Penalty, layer: LayerParameters) -> list[Array]:
    """Return the arrays of one layer that the penalty applies to."""
    return [layer.weight] + ([layer.bias] if penalty.biases and layer.bias is not None else [])


def penalty_value(penalty: Penalty, parameters: Parameters, examples: int) -> float:
    """Return the contribution of one penalty to R."""
    norm = NORMS[penalty.norm]
    total = sum(float(norm.value(w).sum()) for layer in parameters for w in penalised(penalty, layer))
    return penalty.coefficient(examples) * total
