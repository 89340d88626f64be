"""Central finite differences at the entries of all that is asked, inner nodes included.

A node is moved and everything behind it runs again, what stands before it does not: so every arc is crossed
by differences alone. Entries of many names are moved in one sweep, each in a copy of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.differences import RELATIVE_STEP, SIDES, slopes
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.bands import Band, bands_of
from verifier.graphs.moves import AT_ONCE, Asked, asked_entries, told
from verifier.graphs.operation import no_kinks
from verifier.graphs.problem import GraphProblem, downstream
from verifier.graphs.rounding import GraphRounding
from verifier.graphs.stacked import Stacked
from verifier.graphs.values import values_of


def gradient(problem: GraphProblem, honest: GraphRounding) -> Answer:
    """Differentiate the output along every entry.

    Error: an estimate of truncation and of rounding (see `verifier/differences.py`). Left out (infinite
    error) are moves between whose sides a kink may lie, and beyond a budget entries that were not drawn.
    """
    base = values_of(problem, FLOATS)
    asked = asked_entries(problem, len(SIDES))
    value = {own.key: np.full(base[own.name].shape, np.nan) for own in asked}
    error = {own.key: np.full(base[own.name].shape, np.inf) for own in asked}
    stacked = sum(rows * prod(shape) for shape, rows in bands_of(problem).sizes.items())
    for sweep in _sweeps(asked, stacked):
        found, lost = _differences(problem, base, sweep, honest.loss)
        for own, columns in sweep:
            known = np.isfinite(found[columns]) & np.isfinite(lost[columns])
            value[own.key].flat[own.entries[known]] = found[columns][known]
            error[own.key].flat[own.entries[known]] = lost[columns][known]
    estimates = {key: Estimate(own, error[key]) for key, own in value.items()}
    return Answer(estimates, Uncertainty.ESTIMATE, told(asked, problem))


Sweep = list[tuple[Asked, slice]]  # whose entries are moved, and in which columns


def _sweeps(asked: list[Asked], stacked: int) -> Iterator[Sweep]:
    """Put so many entries into a sweep that it stays small; names stand in the order of the graph.

    stacked: numbers that every sweep copies for every move.
    """
    sweep: Sweep = []
    least = max(1, stacked)
    width, cost = 0, least
    for own in asked:
        left = own.entries
        while len(left):
            cost = max(cost, own.cost)
            room = AT_ONCE // (cost * len(SIDES)) - width
            if sweep and room < min(len(left), 16):
                yield sweep
                sweep, width, cost = [], 0, least
                continue
            part, left = left[: max(room, 1)], left[max(room, 1) :]
            sweep.append((Asked(own.key, own.name, part, own.cost), slice(width, width + len(part))))
            width += len(part)
    if sweep:
        yield sweep


@dataclass(frozen=True, slots=True, eq=False)
class _Moves:
    """steps: (sides, entries). columns: by name, which entries of it are moved, and where in a sweep."""

    steps: Array
    columns: Mapping[str, tuple[Array, slice]]

    @property
    def copies(self) -> int:
        return self.steps.size

    def applied(self, name: str, own: Array, base: Array) -> Array:
        """Move the entries of one name, each in its own columns, (copies, *shape)."""
        entries, columns = self.columns[name]
        found = np.array(np.broadcast_to(own, (self.copies, *base.shape)), order="C")
        by_side = found.reshape(*self.steps.shape, -1)
        by_side[:, columns] = base.ravel()
        by_side[:, np.arange(columns.start, columns.stop), entries] += self.steps[:, columns]
        return found


@np.errstate(all="ignore")  # overflowing sides end in an infinite error
def _differences(problem: GraphProblem, base: Stacked, sweep: Sweep, noise: float) -> tuple[Array, Array]:
    """Give the difference quotients of a sweep's entries and their errors, column by column."""
    at = np.concatenate([base[own.name].ravel()[own.entries] for own, _ in sweep])
    steps = at + np.array(SIDES)[:, None] * RELATIVE_STEP * np.maximum(np.abs(at), 1.0) - at
    moves = _Moves(steps, {own.name: (own.entries, columns) for own, columns in sweep})
    moving = set(moves.columns) | {node.name for node in downstream(problem, moves.columns)}
    if problem.output not in moving:
        return np.zeros(at.shape), np.zeros(at.shape)
    values = base.copies(moves.copies)
    for name, _ in problem.leaves():
        if name in moves.columns:
            values.put(name, moves.applied(name, values[name], base[name]))
    smooth = np.ones(len(at), dtype=bool)
    for band in bands_of(problem).all:
        if moving.isdisjoint(band.names):
            continue
        operands = values.operands(band)
        if band.node.operation.kinks is not no_kinks:
            smooth &= _smooth(band, base.operands(band), operands, steps.shape)
        values.put_band(band, band.node.operation.value(FLOATS, band.node, operands))
        for name in band.names:
            if name in moves.columns:
                values.put(name, moves.applied(name, values[name], base[name]))
    losses = np.broadcast_to(values[problem.output].reshape(-1), steps.size).reshape(steps.shape)
    found, lost = slopes(losses, float(base[problem.output].reshape(())), steps, noise)
    return found, np.where(smooth, lost, np.inf)


def _smooth(band: Band, base: list[Array], values: list[Array], steps: tuple[int, ...]) -> Array:
    """Say which moves carry no operand as far as to a kink, by any side. steps: (sides, entries)."""
    entries = steps[1]
    if band.rows is not None:
        values = [own.swapaxes(0, 1) for own in values]  # copies first
    reach = [_carried(own, at, steps) for own, at in zip(values, base, strict=True)]
    crossed = band.node.operation.kinks(band.node, base, reach)
    if crossed is None:
        return np.ones(entries, dtype=bool)
    # what does not move crosses nothing
    return ~np.broadcast_to((crossed & (reach[0] > 0)).reshape(len(reach[0]), -1).any(axis=-1), entries)


def _carried(values: Array, base: Array, steps: tuple[int, ...]) -> Array:
    """Give the farthest that any side carries an operand, (entries or 1, *shape)."""
    distance = np.abs(values - base)
    if len(distance) > 1:
        distance = distance.reshape(*steps, *base.shape).max(axis=0)
    return np.asarray(distance)
