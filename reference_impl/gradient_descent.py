"""Gradient descent with the full batch and a constant learning rate."""

from dataclasses import replace

from reference_impl.backpropagation import gradients
from reference_impl.network import LayerParameters, Parameters, forward
from reference_impl.problem import Problem, risk_value


def step(parameters: Parameters, gradient: Parameters, learning_rate: float) -> Parameters:
    """Return w − η ∂R/∂w for every parameter w.

    Parameters
    ----------
    parameters, gradient : tuple of LayerParameters
    learning_rate : float
        η

    Returns
    -------
    tuple of LayerParameters

    Examples
    --------
    >>> (layer,) = step((LayerParameters([[1.0]], None),), (LayerParameters([[4.0]], None),), 0.5)
    >>> layer.weight
    array([[-1.]])
    """
    return tuple(
        LayerParameters(
            layer.weight - learning_rate * slope.weight,
            None if layer.bias is None or slope.bias is None else layer.bias - learning_rate * slope.bias,
        )
        for layer, slope in zip(parameters, gradient, strict=True)
    )


def descend(problem: Problem, learning_rate: float, steps: int) -> tuple[Parameters, list[float]]:
    """Run gradient descent from the problem's parameters.

    Parameters
    ----------
    problem : Problem
    learning_rate : float
    steps : int

    Returns
    -------
    parameters : tuple of LayerParameters
        The parameters after the last step.
    risks : list of float
        The risk before each step.

    Examples
    --------
    With the problem of the example of `Problem`:

    >>> parameters, risks = descend(problem, learning_rate=0.1, steps=100)
    """
    risks: list[float] = []
    for _ in range(steps):
        trace = forward(problem.network, problem.parameters, problem.batch)
        risks.append(risk_value(problem, trace))
        gradient = gradients(problem, trace)
        problem = replace(problem, parameters=step(problem.parameters, gradient, learning_rate))
    return problem.parameters, risks
