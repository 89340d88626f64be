"""Problems of documents, with a gradient asked of everything that has one."""

from typing import Any

from verifier.documents.graph import read_graph
from verifier.problem.graph import INPUT, NODE, GraphProblem


def problem_of(document: dict[str, Any]) -> GraphProblem:
    problem = read_graph({**document, "gradients": {}}).problem
    data = {node.operands[place] for node in problem.nodes for place in node.data}
    inputs = [INPUT + name for name in problem.inputs if name not in data]
    nodes = [NODE + node.name for node in problem.nodes]
    return problem.with_requested((*inputs, *problem.parameters, *nodes))
