"""The outline of a graph for its report: of a large one, what lies around the first wrong gradient."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.graph_outline import DATA, GIVEN, PARAMETER, GraphOutline, NodeOutline
from verifier.graphs.chain import first_breaks
from verifier.graphs.operation import Node
from verifier.graphs.problem import INPUT, NODE, GraphProblem, plain
from verifier.graphs.submission import GraphSubmission

MOST_WHOLE = 150  # nodes; of more, a neighbourhood is drawn
NEIGHBOURHOOD = 40  # nodes of it
MOST_GIVEN = 100  # inputs and parameters
_LONGEST = 60  # characters of options
_SMALL = 4  # entries of an array whose numbers are shown
_BREAKS = 10


def outlined(
    submission: GraphSubmission, values: Mapping[str, Array], wrong: Mapping[str, bool]
) -> GraphOutline:
    """Give the outline. values: by plain name. wrong: by the names of gradients that were submitted."""
    problem = submission.problem
    breaks = first_breaks(problem, wrong) if any(wrong.values()) else []
    nodes: Sequence[Node] = problem.nodes
    if len(nodes) > MOST_WHOLE:
        nodes = _around(problem, plain(breaks[0])) if breaks else _before_the_output(problem)
    leaves = _leaves(problem, nodes, [plain(key) for key in breaks[:_BREAKS]])
    shown = {*leaves, *(node.name for node in nodes)}
    left_out = _used_beyond(problem, shown) if len(nodes) < len(problem.nodes) else frozenset()
    written = _written(submission.network, shown)

    def outline(name: str, key: str, operation: str, node: Node | None = None) -> NodeOutline:
        own, given = values[name], submission.gradients.get(key)
        return NodeOutline(
            name=key,
            operation=operation,
            shape=tuple(own.shape),
            operands=() if node is None else tuple(_operand(problem, each) for each in node.operands),
            options="" if node is None else _options(written[name], node),
            value=_shortly(own),
            gradient=None if given is None else _shortly(given),
            continues=name in left_out,
        )

    data = {node.operands[place] for node in nodes for place in node.data}
    given = [
        outline(name, _key(problem, name), DATA if name in data else _kind(problem, name)) for name in leaves
    ]
    computed = [outline(node.name, NODE + node.name, node.operation.name, node) for node in nodes]
    return GraphOutline((*given, *computed), NODE + problem.output, tuple(breaks), len(problem.nodes))


def _before_the_output(problem: GraphProblem) -> list[Node]:
    """Give the last nodes that the output depends on."""
    needed, found = {problem.output}, []
    for node in reversed(problem.nodes):
        if node.name in needed:
            needed.update(node.operands)
            found.append(node)
            if len(found) == NEIGHBOURHOOD:
                break
    return found[::-1]


def _around(problem: GraphProblem, name: str) -> list[Node]:
    """Give the nodes nearest to one, whichever way the arcs run, in order."""
    by_name = {node.name: node for node in problem.nodes}
    users: dict[str, list[str]] = {}
    for node in problem.nodes:
        for operand in node.operands:
            users.setdefault(operand, []).append(node.name)
    found: set[str] = set()
    waiting = deque([name])
    seen = {name}
    while waiting and len(found) < NEIGHBOURHOOD:
        own = waiting.popleft()
        beside: list[str] = users.get(own, [])[:NEIGHBOURHOOD]
        if own in by_name:
            found.add(own)
            beside = [*beside, *(operand for operand in by_name[own].operands if operand in by_name)]
        waiting.extend(each for each in dict.fromkeys(beside) if each not in seen)
        seen.update(beside)
    return [node for node in problem.nodes if node.name in found]


def _leaves(problem: GraphProblem, nodes: Sequence[Node], breaks: Sequence[str]) -> list[str]:
    """Give what is given to some nodes, constants apart; of very much, what is first wrong and the first.

    In the order of their first use, which no file format changes; of all nodes, also what nobody uses.
    """
    given = {*problem.inputs, *problem.parameters}
    found = [
        name for name in dict.fromkeys(each for node in nodes for each in node.operands) if name in given
    ]
    unused = given if len(nodes) == len(problem.nodes) else given.intersection(breaks)
    found += sorted(unused.difference(found))
    if len(found) <= MOST_GIVEN:
        return found
    kept = {*(name for name in found if name in breaks), *found[: MOST_GIVEN - _BREAKS]}
    return [name for name in found if name in kept]


def _used_beyond(problem: GraphProblem, shown: set[str]) -> frozenset[str]:
    return frozenset(
        name
        for node in problem.nodes
        if not shown.isdisjoint(node.operands) and node.name not in shown
        for name in shown.intersection(node.operands)
    )


def _written(network: Mapping[str, Any], shown: set[str]) -> dict[str, Mapping[str, Any]]:
    return {document["name"]: document for document in network["nodes"] if document["name"] in shown}


def _options(written: Mapping[str, Any], node: Node) -> str:
    fields = (f"{field} {written[field]}" for field in node.operation.options if field in written)
    found = ", ".join(fields)
    return found if len(found) <= _LONGEST else found[: _LONGEST - 1] + "…"


def _operand(problem: GraphProblem, name: str) -> str | float:
    if name in problem.constants:
        return float(problem.constants[name])
    return _key(problem, name)


def _key(problem: GraphProblem, name: str) -> str:
    if name in problem.parameters:
        return name
    return INPUT + name if name in problem.inputs else NODE + name


def _kind(problem: GraphProblem, name: str) -> str:
    return PARAMETER if name in problem.parameters else GIVEN


def _shortly(array: Array) -> tuple[float, ...] | None:
    return tuple(_four_digits(array)) if 0 < array.size <= _SMALL else None


def _four_digits(array: Array) -> Iterator[float]:
    for number in np.ravel(array):
        yield float(f"{number:.4g}")
