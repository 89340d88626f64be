"""The reference's own δ recursion, and how much its rounding may have cost."""

from reference_impl.backpropagation import gradients
from reference_impl.network import forward, named
from reference_impl.problem import Problem
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.rounding import Rounding


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Run the recursion in float64.

    Error: an estimate, the rounding of honest float64 arithmetic on this problem (see `rounding.py`).
    """
    trace = forward(problem.network, problem.parameters, problem.batch)
    values = dict(named(gradients(problem, trace)))
    return Answer(
        {name: Estimate(value, honest.allowance[name]) for name, value in values.items()},
        Uncertainty.ESTIMATE,
    )
