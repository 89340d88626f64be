"""Make the outline of a graph; for a large graph, only the part around the first wrong gradient."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.problem.graph import NODE, GraphProblem, Node, first_breaks, gradient_name, node_name
from verifier.problem.submission import GraphSubmission
from verifier.report.model import DATA, INPUT_LEAF, PARAMETER, GraphOutline, NodeOutline

MOST_WHOLE = 150  # nodes; of a larger graph, only a neighbourhood is drawn
NEIGHBOURHOOD = 40  # nodes in the neighbourhood
MOST_LEAVES = 100  # inputs and parameters
_LONGEST = 60  # characters of options
_SMALL = 4  # largest array whose numbers are shown
_BREAKS = 10


def outline_graph(
    submission: GraphSubmission, values: Mapping[str, Array], wrong: Mapping[str, bool]
) -> GraphOutline:
    """Return the outline.

    values: of nodes and leaves, by their name in the graph. wrong: by the names of submitted gradients.
    """
    problem = submission.problem
    breaks = first_breaks(problem, wrong) if any(wrong.values()) else []
    nodes: Sequence[Node] = problem.nodes
    if len(nodes) > MOST_WHOLE:
        nodes = _neighbourhood(problem, node_name(breaks[0])) if breaks else _nodes_before_output(problem)
    leaves = _leaves(problem, nodes, [node_name(key) for key in breaks[:_BREAKS]])
    shown = {*leaves, *(node.name for node in nodes)}
    left_out = _used_outside(problem, shown) if len(nodes) < len(problem.nodes) else frozenset()
    documents = _documents_by_name(submission.network, shown)

    def outline(name: str, key: str, operation: str, node: Node | None = None) -> NodeOutline:
        value, gradient = values[name], submission.gradients.get(key)
        return NodeOutline(
            name=key,
            operation=operation,
            shape=tuple(value.shape),
            operands=() if node is None else tuple(_operands(problem, node)),
            options="" if node is None else _options(documents.get(name, {}), node),
            value=_short_value(value),
            gradient=None if gradient is None else _short_value(gradient),
            continues=name in left_out,
        )

    data = {node.operands[place] for node in nodes for place in node.data}
    outlined_leaves = [
        outline(name, gradient_name(problem, name), DATA if name in data else _leaf_kind(problem, name))
        for name in leaves
    ]
    computed = [outline(node.name, NODE + node.name, node.operation.name, node) for node in nodes]
    return GraphOutline(
        (*outlined_leaves, *computed), NODE + problem.output, tuple(breaks), len(problem.nodes)
    )


def _nodes_before_output(problem: GraphProblem) -> list[Node]:
    """Return the last nodes that the output depends on."""
    needed, last_nodes = {problem.output}, []
    for node in reversed(problem.nodes):
        if node.name in needed:
            needed.update(node.operands)
            last_nodes.append(node)
            if len(last_nodes) == NEIGHBOURHOOD:
                break
    return last_nodes[::-1]


def _neighbourhood(problem: GraphProblem, name: str) -> list[Node]:
    """Return the nodes nearest to a node or leaf, by edges in both directions, in topological order."""
    by_name = {node.name: node for node in problem.nodes}
    users: dict[str, list[str]] = {}
    for node in problem.nodes:
        for operand in node.operands:
            users.setdefault(operand, []).append(node.name)
    nearest: set[str] = set()
    queue = deque([name])
    seen = {name}
    while queue and len(nearest) < NEIGHBOURHOOD:
        current = queue.popleft()
        neighbours: list[str] = users.get(current, [])[:NEIGHBOURHOOD]
        if current in by_name:
            nearest.add(current)
            neighbours = [
                *neighbours,
                *(operand for operand in by_name[current].operands if operand in by_name),
            ]
        queue.extend(neighbour for neighbour in dict.fromkeys(neighbours) if neighbour not in seen)
        seen.update(neighbours)
    return [node for node in problem.nodes if node.name in nearest]


def _leaves(problem: GraphProblem, nodes: Sequence[Node], breaks: Sequence[str]) -> list[str]:
    """Return the inputs and parameters of some nodes, in the order of their first use.

    If `nodes` is the whole graph, unused ones are included. If there are too many, the first ones and those
    in `breaks` are kept. The order does not depend on the file format.
    """
    all_leaves = {*problem.inputs, *problem.parameters}
    leaves = [
        name
        for name in dict.fromkeys(operand for node in nodes for operand in node.operands)
        if name in all_leaves
    ]
    unused = all_leaves if len(nodes) == len(problem.nodes) else all_leaves.intersection(breaks)
    leaves += sorted(unused.difference(leaves))
    if len(leaves) <= MOST_LEAVES:
        return leaves
    kept = {*(name for name in leaves if name in breaks), *leaves[: MOST_LEAVES - _BREAKS]}
    return [name for name in leaves if name in kept]


def _used_outside(problem: GraphProblem, shown: set[str]) -> frozenset[str]:
    return frozenset(
        name
        for node in problem.nodes
        if not shown.isdisjoint(node.operands) and node.name not in shown
        for name in shown.intersection(node.operands)
    )


def _documents_by_name(network: Mapping[str, Any], shown: set[str]) -> dict[str, Mapping[str, Any]]:
    return {document["name"]: document for document in network["nodes"] if document["name"] in shown}


def _options(document: Mapping[str, Any], node: Node) -> str:
    fields = (f"{field} {document[field]}" for field in node.operation.options if field in document)
    text = ", ".join(fields)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _operands(problem: GraphProblem, node: Node) -> Iterator[str | float]:
    """Yield names of operands and single numbers; arrays of constants within a composition are left out."""
    for name in node.operands:
        constant = problem.constants.get(name)
        if constant is None:
            yield gradient_name(problem, name)
        elif constant.size == 1:
            yield float(constant.reshape(()))


def _leaf_kind(problem: GraphProblem, name: str) -> str:
    return PARAMETER if name in problem.parameters else INPUT_LEAF


def _short_value(array: Array) -> tuple[float, ...] | None:
    return tuple(_four_digits(array)) if 0 < array.size <= _SMALL else None


def _four_digits(array: Array) -> Iterator[float]:
    for number in np.ravel(array):
        yield float(f"{number:.4g}")
