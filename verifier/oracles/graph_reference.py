"""The gradient of a graph by the reference: reverse mode, a dynamic graph, and forward mode."""

import numpy as np

import reference_impl.graph as graph
from reference_impl.graph import Constant, DynamicGraph, Operation, Parameter, StaticGraph, tangents_of
from verifier.engine.estimate import Answer, Estimate, WithinRounding
from verifier.engine.graph_perturbation import sampling_note, tapped_entries
from verifier.engine.graph_rounding import GraphRounding
from verifier.problem.graph import GraphProblem, node_name
from verifier.report.model import Uncertainty


def graph_of(problem: GraphProblem) -> tuple[StaticGraph, dict[str, Operation]]:
    """Return the static graph, not run yet, and its operations by plain name."""
    operations = operations_of(problem)
    return StaticGraph(operations[problem.output]), operations


def operations_of(problem: GraphProblem) -> dict[str, Operation]:
    """Return the problem's operations by plain name; inside a DynamicGraph they run at once."""
    operations: dict[str, Operation] = {
        name: Parameter(values) for name, values in (*problem.inputs.items(), *problem.parameters.items())
    }
    operations |= {name: Constant(values) for name, values in problem.constants.items()}
    for node in problem.nodes:
        operands = [operations[operand] for operand in node.operands]
        operation = node.operation.in_graph(graph, node, operands)
        # identity returns its operand, but a node needs a gradient of its own
        operations[node.name] = operation * 1.0 if operation in operands else operation
    return operations


def reverse_mode_gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the gradients from a forward and a backward pass through the graph.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem.
    """
    static, operations = graph_of(problem)
    static.forward()
    static.backward()
    reached = set(static.order)
    values = {
        key: static.gradient(operation)
        if operation in reached
        else np.zeros(problem.shapes()[node_name(key)])
        for key, operation in ((key, operations[node_name(key)]) for key in problem.requested)
    }
    return Answer(WithinRounding(values, float64_rounding), Uncertainty.ESTIMATE)


def dynamic_graph_gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the gradients from a backward pass over the recorded operations.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem.
    """
    with DynamicGraph() as graph:
        operations = operations_of(problem)
    graph.backward(operations[problem.output])
    values = {key: graph.gradient(operations[node_name(key)]) for key in problem.requested}
    return Answer(WithinRounding(values, float64_rounding), Uncertainty.ESTIMATE)


MOST_STEPS = 200_000  # nodes visited in all sweeps; about a second


def forward_mode_gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the derivative along every entry, from one sweep each.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem. It is infinite,
    beyond a budget, at entries that were not sampled.
    """
    static, operations = graph_of(problem)
    static.forward()
    reached = set(static.order)
    taps = tapped_entries(problem, sides=1, most=MOST_STEPS, whole_sweeps=True)
    estimates = {}
    for tap in taps:
        operation, shape = operations[tap.name], problem.shapes()[tap.name]
        value, error = np.zeros(shape), np.full(shape, np.inf)
        for entry in tap.entries:
            tangent = np.zeros(shape)
            tangent.flat[entry] = 1.0
            if operation in reached:
                value.flat[entry] = tangents_of(static.order, {operation: tangent})[static.output].item()
            error.flat[entry] = float64_rounding.allowance[tap.key].flat[entry]
        estimates[tap.key] = Estimate(value, error)
    return Answer(estimates, Uncertainty.ESTIMATE, sampling_note(taps, problem))
