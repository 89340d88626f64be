"""Order nodes so that each comes after all that it depends on.

Nothing here knows what a node is: how predecessors are found, and what a node is called, are arguments.
Nothing recurses either: the depth of a graph is limited by memory alone.
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
    """List all that `outputs` depend on, and themselves: operands first, from left to right.

    Raises: CycleError naming the nodes of one cycle, each feeding the next.
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
    """List the same nodes in the same order, and tolerate cycles."""
    return _depth_first(outputs, operands_of)[0]


def first_cycle(
    outputs: Iterable[Node], operands_of: Callable[[Node], Iterable[Node]] = attrgetter("operands")
) -> list[Node]:
    """List the nodes of one cycle, each feeding the next, the first once more last; empty without one."""
    return _depth_first(outputs, operands_of)[1]


def _depth_first(
    outputs: Iterable[Node], operands_of: Callable[[Node], Iterable[Node]]
) -> tuple[list[Node], list[Node]]:
    """Return the nodes in the order in which they are finished, and the first cycle met (or nothing).

    `path` leads from an output to the node in hand and keeps, for each node on it, the operands still to
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
    """Return the end of `path` from `node` on, closed, and turned so that each node feeds the next."""
    return [node, *reversed(path[path.index(node) :])]
