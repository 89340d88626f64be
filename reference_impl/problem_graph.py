"""A problem as a computation graph: the multilayer perceptron and its risk, built from operations."""

from typing import Any

import reference_impl.graph as graph
from reference_impl.graph import Constant, Operation, Parameter, StaticGraph
from reference_impl.problem import Problem, terms_of_last_layer


def graph_of(problem: Problem) -> StaticGraph:
    """Build the graph whose output is the risk; its parameters are nodes named as in `named`."""
    batch, risk = problem.batch, problem.risk
    z: Operation = Constant(batch.inputs, name="inputs")
    a = z
    parameters: dict[str, Parameter] = {}
    for index, (layer, own) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        weight = parameters[f"layers.{index}.weight"] = Parameter(own.weight, f"layers.{index}.weight")
        a = z @ weight
        if own.bias is not None:
            bias = parameters[f"layers.{index}.bias"] = Parameter(own.bias, f"layers.{index}.bias")
            a = a + bias
        z = layer.activation.in_graph(graph, a)
        if index in batch.masks:
            z = z * batch.masks[index]
    terms, of_preactivation = terms_of_last_layer(problem)
    scale = risk.output_scale(batch.targets.shape[-1]) * risk.example_scale(batch.size)
    total: Operation = scale * terms.in_graph(graph, a if of_preactivation else z, batch.targets)
    for penalty in risk.penalties:
        for name, node in parameters.items():
            if penalty.biases or name.endswith(".weight"):
                total = total + penalty.coefficient(batch.size) * _norm(penalty.norm, node)
    return StaticGraph(total)


def _norm(name: str, weight: Operation) -> Any:
    return graph.Sum()(weight**2 if name == "l2" else graph.Absolute()(weight))
