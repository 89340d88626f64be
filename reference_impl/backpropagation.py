"""Backpropagation as the lecture writes it: δ_l = ∂R/∂a_l, from the output layer down.

    output delta      δ_L = ∂R/∂z_L ∘ g′(a_L)
    hidden delta      δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)
    weight gradient   ∂R/∂W_l = z_{l−1}ᵀ δ_l
    bias gradient     ∂R/∂b_l = Σₙ δ_{l,n}

The four are fields of `Equations`, so that one can be replaced (`dataclasses.replace(CORRECT, …)`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import NORMS
from reference_impl.network import LayerParameters, Parameters, Trace, forward
from reference_impl.problem import Problem


@dataclass(frozen=True, slots=True)
class Equations:
    """The equations of backpropagation, each a function that can be replaced.

    Parameters
    ----------
    output_delta : callable
        (problem, trace) -> δ_L, shape (N, out).
    hidden_delta : callable
        (problem, trace, l, δ_{l+1}) -> δ_l, shape (N, out of layer l).
    weight_gradient : callable
        (problem, trace, l, δ_l) -> array of shape (in, out), penalties excluded.
    bias_gradient : callable
        (problem, trace, l, δ_l) -> array of shape (out,), penalties excluded.
    penalty_gradient : callable
        (problem, trace, l) -> LayerParameters, the gradient of all penalties of the layer.

    Examples
    --------
    A wrong backpropagation, which takes the mean of δ over the examples for the sum:

    >>> from dataclasses import replace
    >>> buggy = replace(CORRECT, bias_gradient=lambda problem, trace, layer, delta: delta.mean(axis=0))
    """

    output_delta: Callable[[Problem, Trace], Array]
    hidden_delta: Callable[[Problem, Trace, int, Array], Array]
    weight_gradient: Callable[[Problem, Trace, int, Array], Array]
    bias_gradient: Callable[[Problem, Trace, int, Array], Array]
    penalty_gradient: Callable[[Problem, Trace, int], LayerParameters]


def output_delta(problem: Problem, trace: Trace) -> Array:
    """Return δ_L = ∂R/∂z_L ∘ g′(a_L), or ∂R/∂a_L directly if the loss is a function of a_L."""
    targets, scale = problem.batch.targets, problem.output_scale * problem.example_scale
    if problem.of_preactivation:
        return problem.terms.gradient(trace.a[-1], targets) * scale
    upstream = problem.terms.gradient(trace.outputs, targets) * scale
    return through_activation(problem, trace, len(trace.a) - 1, upstream)


def hidden_delta(problem: Problem, trace: Trace, layer: int, delta_above: Array) -> Array:
    """Return δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)."""
    upstream = delta_above @ problem.parameters[layer + 1].weight.T
    return through_activation(problem, trace, layer, upstream)


def through_activation(problem: Problem, trace: Trace, layer: int, upstream: Array) -> Array:
    """Return ∂R/∂a of a layer from ∂R/∂z, where z includes the layer's mask."""
    masks = problem.batch.masks
    unmasked = upstream * masks[layer] if layer in masks else upstream
    return problem.network.layers[layer].activation.vjp(trace.a[layer], unmasked)


def weight_gradient(problem: Problem, trace: Trace, layer: int, delta: Array) -> Array:
    """Return ∂R/∂W_l = z_{l−1}ᵀ δ_l."""
    return np.asarray(trace.z[layer].T @ delta)


def bias_gradient(problem: Problem, trace: Trace, layer: int, delta: Array) -> Array:
    """Return ∂R/∂b_l = Σₙ δ_{l,n}."""
    return np.asarray(delta.sum(axis=0))


def penalty_gradient(problem: Problem, trace: Trace, layer: int) -> LayerParameters:
    """Return the gradient of all penalties with respect to the layer's parameters."""
    parameters = problem.parameters[layer]
    weight = np.zeros_like(parameters.weight)
    bias = None if parameters.bias is None else np.zeros_like(parameters.bias)
    for penalty in problem.risk.penalties:
        slope = NORMS[penalty.norm].slope
        coefficient = penalty.coefficient(problem.batch.size)
        weight = weight + coefficient * slope(parameters.weight)
        if bias is not None and parameters.bias is not None and penalty.biases:
            bias = bias + coefficient * slope(parameters.bias)
    return LayerParameters(weight, bias)


CORRECT = Equations(output_delta, hidden_delta, weight_gradient, bias_gradient, penalty_gradient)


def deltas(problem: Problem, trace: Trace, equations: Equations = CORRECT) -> tuple[Array, ...]:
    """Return δ = ∂R/∂a of every layer, the first layer first.

    Parameters
    ----------
    problem : Problem
    trace : Trace
        The forward pass of the problem's batch.
    equations : Equations

    Returns
    -------
    tuple of arrays
        δ_l has shape (N, out of layer l).

    Examples
    --------
    With the problem of the example of `Problem`:

    >>> trace = forward(problem.network, problem.parameters, problem.batch)
    >>> deltas(problem, trace)
    (array([[-2.]]),)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        recursion = [equations.output_delta(problem, trace)]
        for layer in reversed(range(len(problem.network.layers) - 1)):
            recursion.append(equations.hidden_delta(problem, trace, layer, recursion[-1]))
    return tuple(reversed(recursion))


def gradients(problem: Problem, trace: Trace, equations: Equations = CORRECT) -> Parameters:
    """Return ∂R/∂W and ∂R/∂b of every layer, from a forward pass that has been run.

    Parameters
    ----------
    problem : Problem
    trace : Trace
        The forward pass of the problem's batch.
    equations : Equations

    Returns
    -------
    tuple of LayerParameters
        Each gradient has the shape of its parameter.

    Examples
    --------
    With the problem of the example of `Problem`:

    >>> trace = forward(problem.network, problem.parameters, problem.batch)
    >>> gradients(problem, trace)[0].bias
    array([-2.])
    """
    layers: list[LayerParameters] = []
    with np.errstate(over="ignore", invalid="ignore"):
        for layer, delta in enumerate(deltas(problem, trace, equations)):
            penalty = equations.penalty_gradient(problem, trace, layer)
            weight = equations.weight_gradient(problem, trace, layer, delta) + penalty.weight
            bias = None
            if penalty.bias is not None:
                bias = equations.bias_gradient(problem, trace, layer, delta) + penalty.bias
            layers.append(LayerParameters(weight, bias))
    return tuple(layers)


def backpropagate(problem: Problem, equations: Equations = CORRECT) -> Parameters:
    """Return the gradient of the risk with respect to every parameter.

    Parameters
    ----------
    problem : Problem
    equations : Equations
        The equations of the backward pass; the right ones by default.

    Returns
    -------
    tuple of LayerParameters
        Each gradient has the shape of its parameter. An overflow leaves infinities or NaN, without a
        warning.

    Examples
    --------
    >>> from reference_impl import LOSSES, Batch, Layer, Network, Risk, activation
    >>> problem = Problem(
    ...     Network((Layer(2, 1, activation("identity")),)),
    ...     (LayerParameters(weight=[[1.0], [2.0]], bias=[0.0]),),
    ...     Batch(inputs=[[1.0, 1.0]], targets=[[5.0]]),
    ...     Risk(LOSSES["mse"], factor=0.5),
    ... )
    >>> (layer,) = backpropagate(problem)
    >>> layer.weight, layer.bias
    (array([[-2.],
           [-2.]]), array([-2.]))
    """
    trace = forward(problem.network, problem.parameters, problem.batch)
    return gradients(problem, trace, equations)
