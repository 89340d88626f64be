"""A problem as a computation graph: the multilayer perceptron and its risk, built from operations."""

from collections.abc import Callable, Mapping
from typing import Any

import reference_impl.graph as graph
from reference_impl.activations import Activation
from reference_impl.array import Array
from reference_impl.graph import Constant, Operation, Parameter, StaticGraph
from reference_impl.losses import Terms
from reference_impl.problem import Problem

FUNCTION_OPERATIONS: Mapping[str, Callable[..., Operation]] = {
    "sigmoid": graph.Sigmoid,
    "tanh": graph.Tanh,
    "relu": graph.Relu,
    "leaky_relu": graph.LeakyRelu,
    "elu": graph.Elu,
    "softplus": graph.Softplus,
    "gelu": graph.Gelu,
    "silu": graph.Silu,
    "selu": graph.Selu,
    "gelu_tanh": graph.GeluTanh,
    "mish": graph.Mish,
    "hardtanh": graph.Hardtanh,
    "hardswish": graph.Hardswish,
    "softsign": graph.Softsign,
    "log_sigmoid": graph.LogSigmoid,
    "log_softmax": graph.LogSoftmax,
    "softmax": graph.Softmax,
    "exp": graph.Exp,
    "log": graph.Log,
    "sqrt": graph.Sqrt,
    "absolute": graph.Absolute,
    "power": graph.Power,
    "expm1": graph.Expm1,
    "log1p": graph.Log1p,
    "sin": graph.Sin,
    "cos": graph.Cos,
    "arctan": graph.Arctan,
    "erf": graph.Erf,
    "sign": graph.Sign,
    "clip": graph.Clip,
}
"""The operation of every activation (but the identity) and of every elementary function."""

LOSS_OPERATIONS: Mapping[str, Callable[..., Operation]] = {
    "squared_error": graph.squared_error,
    "cross_entropy_on_logits": graph.cross_entropy_on_logits,
    "cross_entropy_on_probabilities": graph.cross_entropy_on_probabilities,
    "cross_entropy_on_sigmoid_logits": graph.cross_entropy_on_sigmoid_logits,
    "binary_cross_entropy_on_logits": graph.binary_cross_entropy_on_logits,
    "binary_cross_entropy_on_probabilities": graph.binary_cross_entropy_on_probabilities,
    "absolute_error": graph.absolute_error,
    "huber": graph.huber,
    "multiclass_hinge": graph.multiclass_hinge,
    "cross_entropy_on_log_probabilities": graph.cross_entropy_on_log_probabilities,
    "kl_divergence_on_logits": graph.kl_divergence_on_logits,
    "kl_divergence_on_probabilities": graph.kl_divergence_on_probabilities,
    "kl_divergence_on_log_probabilities": graph.kl_divergence_on_log_probabilities,
}
"""For the name of every loss's terms the function that builds the node of their sum over the batch."""


def function_node(function: Activation, operand: Operation) -> Operation:
    """Return the node of an activation or elementary function; the identity returns its operand."""
    if function.name == "identity":
        return operand
    return FUNCTION_OPERATIONS[function.name](*function.options.values())(operand)


def loss_node(terms: Terms, outputs: Operation, targets: Array) -> Operation:
    """Return the node of the sum of all terms, without factor; `outputs` and `targets` are (N, outputs)."""
    return LOSS_OPERATIONS[terms.name](outputs, targets, **terms.options)


def graph_of(problem: Problem) -> StaticGraph:
    """Return the graph whose output is the risk; its parameters are nodes named as in `named`."""
    batch, risk = problem.batch, problem.risk
    z: Operation = Constant(batch.inputs, name="inputs")
    a = z
    parameters: dict[str, Parameter] = {}
    for index, (layer, weights) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        weight = parameters[f"layers.{index}.weight"] = Parameter(weights.weight, f"layers.{index}.weight")
        a = z @ weight
        if weights.bias is not None:
            bias = parameters[f"layers.{index}.bias"] = Parameter(weights.bias, f"layers.{index}.bias")
            a = a + bias
        z = function_node(layer.activation, a)
        if index in batch.masks:
            z = z * batch.masks[index]
    losses = loss_node(problem.terms, a if problem.of_preactivation else z, batch.targets)
    total: Operation = problem.output_scale * problem.example_scale * losses
    for penalty in risk.penalties:
        for name, node in parameters.items():
            if penalty.biases or name.endswith(".weight"):
                total = total + penalty.coefficient(batch.size) * _norm(penalty.norm, node)
    return StaticGraph(total)


def _norm(name: str, weight: Operation) -> Any:
    return graph.Sum()(weight**2 if name == "l2" else graph.Absolute()(weight))
