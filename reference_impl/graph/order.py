"""Topological order: every node after all nodes that it depends on.

Nodes may be of any type: their operands and names are found by functions that the caller passes. There is
no recursion, so the depth of a graph is limited by memory alone.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from operator import attrgetter
from typing import TypeVar

from reference_impl.graph.errors import CycleError

Node = TypeVar("Node", bound=Hashable)


def topological_order(
    outputs: Iterable[Node],
    operands_of: Callable[[Node], Iterable[Node]] = attrgetter("operands"),
    name_of: Callable[[Node], str] = str,
) -> list[Node]:
    """Return `outputs` and all nodes they depend on, operands first, from left to right.

    Raises CycleError with the nodes of one cycle, each feeding the next.
    """
    order, cycle = _depth_first(outputs, operands_of)
    if cycle:
        path = " -> ".join(map(name_of, cycle))
        raise CycleError(
            f"the graph has a cycle, {path}: each of these values would be needed to compute itself; "
            "remove one of these connections, or make a new node for every step of a recurrence"
        )
    return order


def reachable(
    outputs: Iterable[Node], operands_of: Callable[[Node], Iterable[Node]] = attrgetter("operands")
) -> list[Node]:
    """Return the same nodes in the same order, also if there is a cycle."""
    return _depth_first(outputs, operands_of)[0]


def first_cycle(
    outputs: Iterable[Node], operands_of: Callable[[Node], Iterable[Node]] = attrgetter("operands")
) -> list[Node]:
    """Return the nodes of one cycle, each feeding the next and the first repeated last; empty without one."""
    return _depth_first(outputs, operands_of)[1]


def _depth_first(
    outputs: Iterable[Node], operands_of: Callable[[Node], Iterable[Node]]
) -> tuple[list[Node], list[Node]]:
    """Return the nodes in the order in which they are finished, and the first cycle (or an empty list).

    `path` leads from an output to the current node and holds, for each node on it, the operands still to
    be visited. An operand that is itself on the path closes a cycle.
    """
    finished: dict[Node, None] = {}
    cycle: list[Node] = []
    for output in outputs:
        path: dict[Node, Iterator[Node]] = {} if output in finished else {output: iter(operands_of(output))}
        while path:
            node, unvisited = next(reversed(path.items()))
            for operand in unvisited:
                if operand in path:
                    cycle = cycle or _cycle_through(operand, list(path))
                elif operand not in finished:
                    path[operand] = iter(operands_of(operand))
                    break
            else:
                finished[node] = None
                path.popitem()
    return list(finished), cycle


def _cycle_through(node: Node, path: list[Node]) -> list[Node]:
    """Return `path` from `node` on, closed, and reversed so that each node feeds the next."""
    return [node, *reversed(path[path.index(node) :])]
