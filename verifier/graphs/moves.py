"""Single entries moved one at a time, many at once: which are looked at, and what may cost too much."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.graphs.operation import Node
from verifier.graphs.problem import GraphProblem, downstream, plain, upstream_of_output

MOST_NUMBERS = 1 << 27  # numbers computed for all moves of a problem; about a second
_AT_ONCE = 1 << 20  # numbers in one pass


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A name whose entries are moved. entries: which, flat. nodes: what leads from it to the output."""

    key: str
    name: str
    entries: Array
    nodes: tuple[Node, ...]

    @property
    def cost(self) -> int:
        """How many numbers one move computes."""
        return max(1, sum(prod(node.shape) for node in self.nodes))

    def chunks(self, sides: int) -> Iterator[Array]:
        """Give the entries so many at a time that a pass stays small."""
        width = max(1, _AT_ONCE // (self.cost * sides))
        for first in range(0, len(self.entries), width):
            yield self.entries[first : first + width]


def asked_entries(
    problem: GraphProblem, sides: int, most: int = MOST_NUMBERS, whole_sweeps: bool = False
) -> list[Asked]:
    """Say which entries are moved: all, or where that would cost too much, some drawn at random of each.

    most: numbers, or nodes where every move sweeps the whole graph node by node.
    """
    shapes, nodes = problem.shapes(), upstream_of_output(problem)
    found = [
        Asked(key, plain(key), np.arange(prod(shapes[plain(key)])), downstream(nodes, plain(key)))
        for key in problem.asked
    ]
    costs = [len(problem.nodes) if whole_sweeps else own.cost for own in found]
    cost = sides * sum(each * len(own.entries) for each, own in zip(costs, found, strict=True))
    if cost <= most:
        return found
    generator = np.random.default_rng(0)  # the same entries for the same problem
    drawn = []
    for own in found:
        share = max(1, int(len(own.entries) * most / cost))
        entries = np.sort(generator.choice(len(own.entries), min(share, len(own.entries)), replace=False))
        drawn.append(Asked(own.key, own.name, entries, own.nodes))
    return drawn


def told(asked: list[Asked], problem: GraphProblem) -> str:
    """Say how much was looked at, where that is not all; empty otherwise."""
    shapes = problem.shapes()
    looked_at = sum(len(own.entries) for own in asked)
    all_entries = sum(prod(shapes[own.name]) for own in asked)
    if looked_at == all_entries:
        return ""
    return f"{looked_at} of {all_entries} entries, drawn at random"


def moved(values: Array, entries: Array, steps: Array) -> Array:
    """Give copies of an array, each with one entry moved, (moves, *shape)."""
    shape = values.shape
    found = np.tile(values.ravel(), (len(entries), 1)).astype(np.result_type(values, steps))
    found[np.arange(len(entries)), entries] += steps
    return found.reshape(len(entries), *shape)
