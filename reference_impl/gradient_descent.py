"""Gradient descent: step against the gradient, again and again."""

from dataclasses import replace

from reference_impl.backpropagation import gradients
from reference_impl.network import LayerParameters, Parameters, forward
from reference_impl.problem import Problem, risk_value


def step(parameters: Parameters, gradient: Parameters, learning_rate: float) -> Parameters:
    """Give w − η ∂R/∂w for every parameter."""
    return tuple(
        LayerParameters(
            own.weight - learning_rate * slope.weight,
            None if own.bias is None or slope.bias is None else own.bias - learning_rate * slope.bias,
        )
        for own, slope in zip(parameters, gradient, strict=True)
    )


def descend(problem: Problem, learning_rate: float, steps: int) -> tuple[Parameters, list[float]]:
    """Take `steps` full-batch steps; give the last parameters and the risk before each step."""
    risks: list[float] = []
    for _ in range(steps):
        trace = forward(problem.network, problem.parameters, problem.batch)
        risks.append(risk_value(problem, trace))
        slope = gradients(problem, trace)
        problem = replace(problem, parameters=step(problem.parameters, slope, learning_rate))
    return problem.parameters, risks
