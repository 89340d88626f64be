"""A graph problem as a graph of the reference: its own operations, derivatives and order."""

import reference_impl.graph as graph
from reference_impl.graph import Constant, Operation, Parameter, StaticGraph
from verifier.graphs.problem import GraphProblem


def graph_of(problem: GraphProblem) -> tuple[StaticGraph, dict[str, Operation]]:
    """Define it, to be run later, and give its operations by plain name."""
    operations = operations_of(problem)
    return StaticGraph(operations[problem.output]), operations


def operations_of(problem: GraphProblem) -> dict[str, Operation]:
    """Apply every operation, and give them by plain name; inside a DynamicGraph they run as they come."""
    operations: dict[str, Operation] = {
        name: Parameter(values) for name, values in (*problem.inputs.items(), *problem.parameters.items())
    }
    operations |= {name: Constant(values) for name, values in problem.constants.items()}
    for node in problem.nodes:
        operands = [operations[operand] for operand in node.operands]
        own = node.operation.in_graph(graph, node, operands)
        # identity hands its operand on: a node of its own has a gradient of its own
        operations[node.name] = own * 1.0 if own in operands else own
    return operations
