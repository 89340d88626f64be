"""Convert a graph problem to a graph of the reference, with its operations and derivatives."""

import reference_impl.graph as graph
from reference_impl.graph import Constant, Operation, Parameter, StaticGraph
from verifier.graphs.problem import GraphProblem


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
