"""A problem, on which the gradient ∂R/∂w depends and nothing else does, and the value of its risk R."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array, row_sums
from reference_impl.losses import NORMS, Penalty, Risk, Terms
from reference_impl.network import Batch, LayerParameters, Network, Parameters, Trace, named


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

    Attributes
    ----------
    terms : Terms
        The loss's terms.
    of_preactivation : bool
        True if the terms are functions of the last pre-activation. The logarithm of a softmax or a sigmoid
        is computed as one function of it, so that no probability is rounded to 0 first. In all other cases
        the terms are functions of the output.
    arrays : mapping of str to array
        The parameters by name, such as ``layers.0.weight``, layer by layer.
    output_scale, example_scale : float
        The factor of one output's term within its example's loss, and of that loss within the risk.

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
    arrays: Mapping[str, Array] = field(init=False)
    terms: Terms = field(init=False)
    of_preactivation: bool = field(init=False)
    output_scale: float = field(init=False)
    example_scale: float = field(init=False)

    def __post_init__(self) -> None:
        risk, batch, last = self.risk, self.batch, len(self.network.layers) - 1
        name = self.network.layers[last].activation.name
        fused = risk.on == "probabilities" and last not in batch.masks and name in risk.loss.of_preactivation
        object.__setattr__(self, "arrays", MappingProxyType(dict(named(self.parameters))))
        object.__setattr__(self, "of_preactivation", fused)
        terms = risk.loss.of_preactivation[name] if fused else risk.loss.on[risk.on]
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "output_scale", risk.output_scale(batch.targets.shape[-1]))
        object.__setattr__(self, "example_scale", risk.example_scale(len(batch.inputs)))


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
    point = a if problem.of_preactivation else outputs
    with np.errstate(over="ignore", invalid="ignore"):
        return losses_of_terms(problem, problem.terms.value(point, problem.batch.targets))


def losses_of_terms(problem: Problem, values: Array) -> Array:
    """Return the loss of each example, shape (…, N), from the terms of all outputs, shape (…, N, out)."""
    return np.asarray(row_sums(values) * problem.output_scale)


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


def losses_and_risk(problem: Problem, values: Array) -> tuple[Array, float]:
    """Return the loss of each example, and R, from the terms of all outputs, shape (N, out)."""
    losses = losses_of_terms(problem, values)
    return losses, risk_of_losses(problem, losses)


def risk_of_losses(problem: Problem, losses: Array) -> float:
    """Return R, penalties included, from the loss of each example, shape (N,)."""
    penalties, size = problem.risk.penalties, len(losses)
    with np.errstate(over="ignore", invalid="ignore"):
        data = float(losses.sum()) * problem.example_scale
        return data + sum(penalty_value(penalty, problem.parameters, size) for penalty in penalties)


def penalised(penalty: Penalty, layer: LayerParameters) -> list[Array]:
    """Return the arrays of one layer that the penalty applies to."""
    return [layer.weight] + ([layer.bias] if penalty.biases and layer.bias is not None else [])


def penalty_value(penalty: Penalty, parameters: Parameters, examples: int) -> float:
    """Return the contribution of one penalty to R."""
    norm = NORMS[penalty.norm]
    total = sum(float(norm.value(w).sum()) for layer in parameters for w in penalised(penalty, layer))
    return penalty.coefficient(examples) * total
