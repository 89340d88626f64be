"""The lecture's backpropagation, from scratch, on numpy alone."""

from reference_impl.activations import ACTIVATIONS, Activation, Kink, activation
from reference_impl.backpropagation import CORRECT, Equations, backpropagate, deltas, gradients
from reference_impl.gradient_descent import descend, step
from reference_impl.losses import LOSSES, Loss, Penalty, Risk
from reference_impl.network import Batch, Layer, LayerParameters, Network, Parameters, Trace, forward, named
from reference_impl.problem import Problem, example_losses, risk_value

__all__ = [
    "ACTIVATIONS",
    "CORRECT",
    "LOSSES",
    "Activation",
    "Batch",
    "Equations",
    "Kink",
    "Layer",
    "LayerParameters",
    "Loss",
    "Network",
    "Parameters",
    "Penalty",
    "Problem",
    "Risk",
    "Trace",
    "activation",
    "backpropagate",
    "deltas",
    "descend",
    "example_losses",
    "forward",
    "gradients",
    "named",
    "risk_value",
    "step",
]
