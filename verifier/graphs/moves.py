"""Single entries moved one at a time, many at once: which are looked at, and what may cost too much."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.graphs.problem import GraphProblem, plain

MOST_NUMBERS = 1 << 25  # numbers computed for all moves of a problem; about a quarter of a second
AT_ONCE = 1 << 22  # numbers in one pass


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A name whose entries are moved. entries: which, flat. cost: numbers that a move copies or computes."""

    key: str
    name: str
    entries: Array
    cost: int

    def chunks(self, sides: int) -> Iterator[Array]:
        """Give the entries so many at a time that a pass stays small."""
        width = max(1, AT_ONCE // (self.cost * sides))
        for first in range(0, len(self.entries), width):
            yield self.entries[first : first + width]


def asked_entries(
    problem: GraphProblem, sides: int, most: int = MOST_NUMBERS, whole_sweeps: bool = False
) -> list[Asked]:
    """Say which entries are moved: all, or where that would cost too much, some drawn at random of each.

    most: numbers, or nodes where every move sweeps the whole graph node by node.
    """
    shapes, later = problem.shapes(), _numbers_from(problem)
    found = []
    for key in problem.asked:
        name = plain(key)
        size = prod(shapes[name])
        found.append(Asked(key, name, np.arange(size), max(1, size, later.get(name, 0))))
    costs = [len(problem.nodes) if whole_sweeps else own.cost for own in found]
    cost = sides * sum(each * len(own.entries) for each, own in zip(costs, found, strict=True))
    if cost <= most:
        return found
    generator = np.random.default_rng(0)  # the same entries for the same problem
    least = 1 if sides * sum(costs) <= most else 0  # of names too many for that, some are left out
    drawn = []
    for own, luck in zip(found, generator.random(len(found)), strict=True):
        share = max(least, int(len(own.entries) * most / cost + luck))
        entries = np.sort(generator.choice(len(own.entries), min(share, len(own.entries)), replace=False))
        drawn.append(replace(own, entries=entries))
    return drawn


def _numbers_from(problem: GraphProblem) -> dict[str, int]:
    """Say how many numbers are computed from the first use of each name on."""
    found: dict[str, int] = {}
    behind = 0
    for node in reversed(problem.upstream_of_output):
        found.setdefault(node.name, 0)
        behind += prod(node.shape)
        found.update(dict.fromkeys(node.operands, behind))
    return found


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
