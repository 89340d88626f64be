"""Central finite differences at single entries, inner nodes included.

A node is perturbed and everything after it runs again, so differences alone cross every edge. Entries of many
names are perturbed in one sweep, each in a copy of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import BatchedValues, values_of
from verifier.engine.batching import NodeBatch, node_batches
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.graph_perturbation import AT_ONCE, Tap, sampling_note, tapped_entries
from verifier.engine.graph_rounding import GraphRounding
from verifier.engine.perturbation import RELATIVE_STEP, SIDES, central_difference
from verifier.problem.graph import GraphProblem, downstream, no_kinks
from verifier.report.model import Uncertainty


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the derivatives of the output along every entry.

    Error: an estimate of truncation and rounding (see `engine/perturbation.py`). It is infinite where a kink
    may lie between the two sides, and, beyond a budget, at entries that were not sampled.
    """
    base = values_of(problem, FLOATS)
    taps = tapped_entries(problem, len(SIDES))
    value = {tap.key: np.full(base[tap.name].shape, np.nan) for tap in taps}
    error = {tap.key: np.full(base[tap.name].shape, np.inf) for tap in taps}
    stacked_numbers = sum(rows * prod(shape) for shape, rows in node_batches(problem).sizes.items())
    for sweep in _sweeps(taps, stacked_numbers):
        derivatives, errors = _differences(problem, base, sweep, float64_rounding.risk_error)
        for tap, columns in sweep:
            known = np.isfinite(derivatives[columns]) & np.isfinite(errors[columns])
            value[tap.key].flat[tap.entries[known]] = derivatives[columns][known]
            error[tap.key].flat[tap.entries[known]] = errors[columns][known]
    estimates = {key: Estimate(array, error[key]) for key, array in value.items()}
    return Answer(estimates, Uncertainty.ESTIMATE, sampling_note(taps, problem))


Sweep = list[tuple[Tap, slice]]  # names with their entries, and the columns that these are perturbed in


def _sweeps(taps: list[Tap], stacked: int) -> Iterator[Sweep]:
    """Yield sweeps of bounded size; names stand in the order of the graph.

    stacked: numbers that every sweep copies for every perturbation.
    """
    sweep: Sweep = []
    least = max(1, stacked)
    width, cost = 0, least
    for tap in taps:
        remaining = tap.entries
        while len(remaining):
            cost = max(cost, tap.cost)
            room = AT_ONCE // (cost * len(SIDES)) - width
            if sweep and room < min(len(remaining), 16):
                yield sweep
                sweep, width, cost = [], 0, least
                continue
            entries, remaining = remaining[: max(room, 1)], remaining[max(room, 1) :]
            sweep.append((Tap(tap.key, tap.name, entries, tap.cost), slice(width, width + len(entries))))
            width += len(entries)
    if sweep:
        yield sweep


@dataclass(frozen=True, slots=True, eq=False)
class _Perturbations:
    """Perturbations of one sweep.

    steps: (sides, entries). columns: by name, the perturbed entries, and their columns.
    """

    steps: Array
    columns: Mapping[str, tuple[Array, slice]]

    @property
    def copies(self) -> int:
        """Return the number of copies of the graph, one per step."""
        return self.steps.size

    def applied(self, name: str, values: Array, base: Array) -> Array:
        """Perturb the entries of one name, each in its own column: (copies, *shape)."""
        entries, columns = self.columns[name]
        perturbed = np.array(np.broadcast_to(values, (self.copies, *base.shape)), order="C")
        by_side = perturbed.reshape(*self.steps.shape, -1)
        by_side[:, columns] = base.ravel()
        by_side[:, np.arange(columns.start, columns.stop), entries] += self.steps[:, columns]
        return perturbed


@np.errstate(all="ignore")  # overflow ends in an infinite error
def _differences(
    problem: GraphProblem, base: BatchedValues, sweep: Sweep, noise: float
) -> tuple[Array, Array]:
    """Return the derivatives of a sweep's entries and their errors, column by column."""
    points = np.concatenate([base[tap.name].ravel()[tap.entries] for tap, _ in sweep])
    steps = points + np.array(SIDES)[:, None] * RELATIVE_STEP * np.maximum(np.abs(points), 1.0) - points
    moves = _Perturbations(steps, {tap.name: (tap.entries, columns) for tap, columns in sweep})
    affected = set(moves.columns) | {node.name for node in downstream(problem, moves.columns)}
    if problem.output not in affected:
        return np.zeros(points.shape), np.zeros(points.shape)
    values = base.copies(moves.copies)
    for name, _ in problem.leaves():
        if name in moves.columns:
            values[name] = moves.applied(name, values[name], base[name])
    smooth = np.ones(len(points), dtype=bool)
    for band in node_batches(problem).all:
        if affected.isdisjoint(band.names):
            continue
        operands = values.operands(band)
        if band.node.operation.kinks is not no_kinks:
            smooth &= _is_smooth(band, base.operands(band), operands, steps.shape)
        values.put_band(band, band.node.operation.value(FLOATS, band.node, operands))
        for name in band.names:
            if name in moves.columns:
                values[name] = moves.applied(name, values[name], base[name])
    losses = np.broadcast_to(values[problem.output].reshape(-1), steps.size).reshape(steps.shape)
    derivatives, errors = central_difference(losses, float(base[problem.output].reshape(())), steps, noise)
    return derivatives, np.where(smooth, errors, np.inf)


def _is_smooth(band: NodeBatch, base: list[Array], values: list[Array], steps: tuple[int, ...]) -> Array:
    """True for perturbations that carry no operand to a kink, on any side. steps: (sides, entries)."""
    entries = steps[1]
    if band.rows is not None:
        values = [value.swapaxes(0, 1) for value in values]  # copies first
    half_widths = [
        _distance(value, base_value, steps) for value, base_value in zip(values, base, strict=True)
    ]
    crossed = band.node.operation.kinks(band.node, base, half_widths)
    if crossed is None:
        return np.ones(entries, dtype=bool)
    # an operand that does not move crosses no kink
    return ~np.broadcast_to(
        (crossed & (half_widths[0] > 0)).reshape(len(half_widths[0]), -1).any(axis=-1), entries
    )


def _distance(values: Array, base: Array, steps: tuple[int, ...]) -> Array:
    """Return the largest distance over all sides that an operand moves, (entries or 1, *shape)."""
    distance = np.abs(values - base)
    if len(distance) > 1:
        distance = distance.reshape(*steps, *base.shape).max(axis=0)
    return np.asarray(distance)
