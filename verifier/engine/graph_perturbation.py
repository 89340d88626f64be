"""Perturb single entries, many at once, within a budget."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.problem.graph import GraphProblem, node_name

MOST_NUMBERS = 1 << 25  # numbers computed for all perturbations of a problem; about a quarter of a second
AT_ONCE = 1 << 22  # numbers in one pass


@dataclass(frozen=True, slots=True, eq=False)
class Tap:
    """A name whose entries are perturbed.

    entries: flat indices. cost: numbers that one perturbation copies or computes.
    """

    key: str
    name: str
    entries: Array
    cost: int

    def chunks(self, sides: int) -> Iterator[Array]:
        """Yield the entries in chunks that keep a pass small."""
        width = max(1, AT_ONCE // (self.cost * sides))
        for first in range(0, len(self.entries), width):
            yield self.entries[first : first + width]


def tapped_entries(
    problem: GraphProblem, sides: int, most: int = MOST_NUMBERS, whole_sweeps: bool = False
) -> list[Tap]:
    """Return the entries to perturb: all, or a random sample of each name if all would cost too much.

    most: limit in numbers, or in nodes if every perturbation sweeps the whole graph node by node.
    """
    return sampled_entries(problem, all_entries(problem), sides, most, whole_sweeps)


def sampled_entries(
    problem: GraphProblem, taps: list[Tap], sides: int, most: int = MOST_NUMBERS, whole_sweeps: bool = False
) -> list[Tap]:
    """Return the taps, or a random sample of each name's entries if all would cost more than `most`."""
    costs = [len(problem.nodes) if whole_sweeps else tap.cost for tap in taps]
    cost = sides * sum(tap_cost * len(tap.entries) for tap_cost, tap in zip(costs, taps, strict=True))
    if cost <= most:
        return taps
    generator = np.random.default_rng(0)  # fixed seed: the same entries for the same problem
    # if even one entry per name costs too much, some names are left out
    least = 1 if sides * sum(costs) <= most else 0
    sampled = []
    for tap, offset in zip(taps, generator.random(len(taps)), strict=True):
        share = max(least, int(len(tap.entries) * most / cost + offset))
        entries = np.sort(generator.choice(len(tap.entries), min(share, len(tap.entries)), replace=False))
        sampled.append(replace(tap, entries=entries))
    return sampled


def cost_of_entries(taps: list[Tap], sides: int) -> int:
    """Return the numbers that the perturbations of the entries compute."""
    return sides * sum(tap.cost * len(tap.entries) for tap in taps)


def all_entries(problem: GraphProblem) -> list[Tap]:
    """Return every requested entry."""
    shapes, later = problem.shapes(), _numbers_from(problem)
    taps = []
    for key in problem.requested:
        name = node_name(key)
        size = prod(shapes[name])
        taps.append(Tap(key, name, np.arange(size), max(1, size, later.get(name, 0))))
    return taps


def _numbers_from(problem: GraphProblem) -> dict[str, int]:
    """Return for each name how many numbers are computed from its first use on."""
    counts: dict[str, int] = {}
    downstream = 0
    for node in reversed(problem.upstream_of_output):
        counts.setdefault(node.name, 0)
        downstream += prod(node.shape)
        counts.update(dict.fromkeys(node.operands, downstream))
    return counts


def sampling_note(taps: list[Tap], problem: GraphProblem) -> str:
    """Return a note on the sampled entries; empty if all are perturbed."""
    shapes = problem.shapes()
    sampled = sum(len(tap.entries) for tap in taps)
    all_entries = sum(prod(shapes[tap.name]) for tap in taps)
    if sampled == all_entries:
        return ""
    return f"{sampled} of {all_entries} entries, drawn at random"


def largest_distance(values: Array, base: Array, steps: tuple[int, int]) -> Array:
    """Return the largest distance over all sides that values move, (moves or 1, …). steps: (sides, moves)."""
    distance = np.abs(values - base)
    if len(distance) > 1:
        distance = distance.reshape(*steps, *distance.shape[1:]).max(axis=0)
    return np.asarray(distance)


def moved(values: Array, entries: Array, steps: Array) -> Array:
    """Return copies of an array, each with one entry perturbed, (moves, *shape)."""
    shape = values.shape
    copies = np.tile(values.ravel(), (len(entries), 1)).astype(np.result_type(values, steps))
    copies[np.arange(len(entries)), entries] += steps
    return copies.reshape(len(entries), *shape)
