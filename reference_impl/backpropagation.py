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
from reference_impl.network import LayerParameters, Parameters, Trace, forward
from reference_impl.problem import Problem, terms_of_last_layer
from reference_impl.risk import NORMS


@dataclass(frozen=True, slots=True)
class Equations:
    """The recursion's parts; each may look at the whole problem and at the forward pass's trace.

    output_delta: (problem, trace) -> δ_L, shape (N, out).
    hidden_delta: (problem, trace, l, δ_{l+1}) -> δ_l, shape (N, out of layer l).
    weight_gradient: (problem, trace, l, δ_l) -> (in, out), the penalties not included.
    bias_gradient: (problem, trace, l, δ_l) -> (out,), the penalties not included.
    penalty_gradient: (problem, trace, l) -> what penalties add to the layer's weight and bias gradient.
    """

    output_delta: Callable[[Problem, Trace], Array]
    hidden_delta: Callable[[Problem, Trace, int, Array], Array]
    weight_gradient: Callable[[Problem, Trace, int, Array], Array]
    bias_gradient: Callable[[Problem, Trace, int, Array], Array]
    penalty_gradient: Callable[[Problem, Trace, int], LayerParameters]


def output_delta(problem: Problem, trace: Trace) -> Array:
    risk, batch = problem.risk, problem.batch
    terms, of_preactivation = terms_of_last_layer(problem)
    scale = risk.output_scale(batch.targets.shape[-1]) * risk.example_scale(batch.size)
    if of_preactivation:
        return terms.gradient(trace.a[-1], batch.targets) * scale
    upstream = terms.gradient(trace.outputs, batch.targets) * scale
    return through_activation(problem, trace, len(trace.a) - 1, upstream)


def hidden_delta(problem: Problem, trace: Trace, layer: int, delta_above: Array) -> Array:
    upstream = delta_above @ problem.parameters[layer + 1].weight.T
    return through_activation(problem, trace, layer, upstream)


def through_activation(problem: Problem, trace: Trace, layer: int, upstream: Array) -> Array:
    """Take ∂R/∂z of a layer (its mask included in z) to ∂R/∂a."""
    masks = problem.batch.masks
    unmasked = upstream * masks[layer] if layer in masks else upstream
    return problem.network.layers[layer].activation.pull_back(trace.a[layer], unmasked)


def weight_gradient(problem: Problem, trace: Trace, layer: int, delta: Array) -> Array:
    return np.asarray(trace.z[layer].T @ delta)


def bias_gradient(problem: Problem, trace: Trace, layer: int, delta: Array) -> Array:
    return np.asarray(delta.sum(axis=0))


def penalty_gradient(problem: Problem, trace: Trace, layer: int) -> LayerParameters:
    own = problem.parameters[layer]
    weight = np.zeros_like(own.weight)
    bias = None if own.bias is None else np.zeros_like(own.bias)
    for penalty in problem.risk.penalties:
        slope = NORMS[penalty.norm].slope
        coefficient = penalty.coefficient(problem.batch.size)
        weight = weight + coefficient * slope(own.weight)
        if bias is not None and own.bias is not None and penalty.biases:
            bias = bias + coefficient * slope(own.bias)
    return LayerParameters(weight, bias)


CORRECT = Equations(output_delta, hidden_delta, weight_gradient, bias_gradient, penalty_gradient)


def deltas(problem: Problem, trace: Trace, equations: Equations = CORRECT) -> tuple[Array, ...]:
    """Run the recursion: δ of every layer, first layer first; δ_l has shape (N, out of layer l)."""
    with np.errstate(over="ignore", invalid="ignore"):
        recursion = [equations.output_delta(problem, trace)]
        for layer in reversed(range(len(problem.network.layers) - 1)):
            recursion.append(equations.hidden_delta(problem, trace, layer, recursion[-1]))
    return tuple(reversed(recursion))


def gradients(problem: Problem, trace: Trace, equations: Equations = CORRECT) -> Parameters:
    """Give ∂R/∂W and ∂R/∂b of every layer, each in its parameter's shape."""
    found: list[LayerParameters] = []
    with np.errstate(over="ignore", invalid="ignore"):
        for layer, delta in enumerate(deltas(problem, trace, equations)):
            penalty = equations.penalty_gradient(problem, trace, layer)
            weight = equations.weight_gradient(problem, trace, layer, delta) + penalty.weight
            bias = None
            if penalty.bias is not None:
                bias = equations.bias_gradient(problem, trace, layer, delta) + penalty.bias
            found.append(LayerParameters(weight, bias))
    return tuple(found)


def backpropagate(problem: Problem, equations: Equations = CORRECT) -> Parameters:
    """Run the batch forward, and the derivatives of the risk back to every parameter."""
    trace = forward(problem.network, problem.parameters, problem.batch)
    return gradients(problem, trace, equations)
