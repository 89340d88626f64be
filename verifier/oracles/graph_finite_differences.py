"""Central finite differences at single entries, inner nodes included, or at the units of all rows at once.

A node is perturbed and everything after it runs again, so differences alone cross every edge. Entries of many
names are perturbed in one sweep, each in a copy of its own. In graphs for which that is slow, a unit is
perturbed in all rows at once where rows do not influence each other (`engine/row_perturbation.py`). The
gradient of a weight W in x W is xᵀδ exactly, where δ are the slopes at x W.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import BatchedValues, summed_back, values_of
from verifier.engine.batching import NodeBatch, node_batches
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.graph_perturbation import (
    AT_ONCE,
    MOST_NUMBERS,
    Tap,
    all_entries,
    cost_of_entries,
    largest_distance,
    sampled_entries,
    sampling_note,
)
from verifier.engine.graph_rounding import GraphRounding
from verifier.engine.lazy_products import ALL, DeltaProduct, in_all_columns
from verifier.engine.operations.arithmetic import ADD, SUBTRACT
from verifier.engine.operations.products import MATMUL
from verifier.engine.perturbation import RELATIVE_STEP, SIDES, central_difference
from verifier.engine.row_perturbation import RowPath, row_path, row_slopes
from verifier.problem.graph import GraphProblem, Node, downstream, no_kinks, node_name
from verifier.problem.precision import PRECISIONS
from verifier.report.model import Uncertainty

CHEAP = 1 << 20  # numbers; if all entries cost no more, each is perturbed by itself


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the derivatives of the output along every entry.

    Error: an estimate of truncation and rounding (see `engine/perturbation.py`). It is infinite where a kink
    may lie between the two sides, and, beyond a budget, at entries that were not sampled.
    """
    base, noise = values_of(problem, FLOATS), float64_rounding.risk_error
    entries = all_entries(problem)
    estimates: dict[str, Estimate] = {}
    taps: list[Tap] = []
    if cost_of_entries(entries, len(SIDES)) > CHEAP:
        estimates, taps = _gradients_by_rows(problem, base, noise)
    rest = sampled_entries(problem, [tap for tap in entries if tap.key not in estimates], len(SIDES))
    estimates |= _gradients_by_entries(problem, base, rest, noise)
    taps += rest
    by_key = {key: estimates[key] for key in problem.requested}
    return Answer(by_key, Uncertainty.ESTIMATE, sampling_note(taps, problem))


def _gradients_by_rows(
    problem: GraphProblem, base: BatchedValues, noise: float
) -> tuple[dict[str, Estimate], list[Tap]]:
    """Return the gradients that follow from slopes of rows, and their entries that are known."""
    rows = _Rows(problem, base, noise)
    plans = {key: plan for key in problem.requested if (plan := rows.plan(node_name(key))) is not None}
    rows.sample_units({path.name: path for plan in plans.values() for path in plan})
    estimates = {key: rows.gradient(node_name(key)) for key in plans}
    taps = []
    for key, estimate in estimates.items():
        is_sampled = any(len(rows.units[path.name]) < path.units for path in plans[key])
        entries = (
            np.flatnonzero(np.isfinite(estimate.error)) if is_sampled else np.arange(estimate.error.size)
        )
        taps.append(Tap(key, node_name(key), entries, 1))
    return estimates, taps


@dataclass(eq=False)
class _Rows:
    """Slopes of the output at values whose rows are separate. units: by name, those that are perturbed."""

    problem: GraphProblem
    base: BatchedValues
    noise: float
    units: dict[str, Array] = field(default_factory=dict)
    slopes: dict[str, Estimate] = field(default_factory=dict)
    paths: dict[str, RowPath | None] = field(default_factory=dict)

    @cached_property
    def uses(self) -> dict[str, list[tuple[Node, int]]]:
        """Return by name the nodes that it is an operand of, and its place there."""
        uses: dict[str, list[tuple[Node, int]]] = {}
        for node in self.problem.upstream_of_output:
            for place, operand in enumerate(node.operands):
                uses.setdefault(operand, []).append((node, place))
        return uses

    def plan(self, name: str) -> list[RowPath] | None:
        """Return the paths whose slopes give the gradient of a name; None if rows do not give it."""
        path = self._path(name)
        if path is not None:
            return [path]
        paths = [
            self._path(node.name) if _is_linear_in(node, place) else None
            for node, place in self.uses.get(name, [])
        ]
        present = [path for path in paths if path is not None]
        return present if present and len(present) == len(paths) else None

    def sample_units(self, paths: Mapping[str, RowPath]) -> None:
        """Choose the units to perturb: all, or a random sample of each name if all would cost too much."""
        cost = sum(path.units * path.cost for path in paths.values())
        generator = np.random.default_rng(0)  # fixed seed: the same units for the same problem
        for name, path in paths.items():
            count = path.units if cost <= MOST_NUMBERS else max(1, path.units * MOST_NUMBERS // cost)
            self.units[name] = np.sort(generator.choice(path.units, count, replace=False))

    def gradient(self, name: str) -> Estimate:
        """Return the gradient of a name that has a plan."""
        shape = self.base[name].shape
        path = self._path(name)
        if path is not None:
            slopes = self._slopes(path)
            return Estimate(slopes.value.reshape(shape), slopes.error.reshape(shape))
        parts = [self._part(node, place) for node, place in self.uses[name]]
        value, error = parts[0].value, parts[0].error
        for part in parts[1:]:
            value, error = value + part.value, error + part.error
        return Estimate(value, error)

    def _part(self, node: Node, place: int) -> Estimate:
        """Return the part of an operand's gradient that one linear use of it has."""
        path = self._path(node.name)
        assert path is not None
        slopes = self._slopes(path)
        if node.operation is MATMUL:
            x = self.base[node.operands[0]]
            columns = node.shape[-1]
            delta = Estimate(slopes.value.reshape(-1, columns), slopes.error.reshape(-1, columns))
            product = DeltaProduct(x.reshape(-1, x.shape[-1]), delta, 1.0)
            return in_all_columns(product.of_weight(ALL), columns)
        sign = -1.0 if node.operation is SUBTRACT and place == 1 else 1.0
        value, error = slopes.value.reshape(node.shape), slopes.error.reshape(node.shape)
        rounding_error = PRECISIONS["float64"].unit_roundoff * (path.shape[0] + 4) * np.abs(value)
        shape = node.operand_shapes[place]
        return Estimate(
            sign * summed_back(FLOATS, value, shape), summed_back(FLOATS, error + rounding_error, shape)
        )

    def _slopes(self, path: RowPath) -> Estimate:
        if path.name not in self.slopes:
            self.slopes[path.name] = row_slopes(self.base, path, self.units[path.name], self.noise)
        return self.slopes[path.name]

    def _path(self, name: str) -> RowPath | None:
        """Return the path of a name, or that of the first sum from which it takes its gradient unchanged."""
        if name not in self.paths:
            match self.uses.get(name, []):
                case [(node, _)] if node.operation is ADD and node.shape == self.base[name].shape:
                    self.paths[name] = self._path(node.name)
                case _:
                    self.paths[name] = row_path(self.problem, name)
        return self.paths[name]


def _is_linear_in(node: Node, place: int) -> bool:
    """True if the gradient of an operand follows from that of the node: a weight in x W, or a summand."""
    if node.operation is MATMUL:
        shape_x, shape_w = node.operand_shapes
        return place == 1 and len(shape_w) == 2 and len(shape_x) > 1
    return node.operation in (ADD, SUBTRACT)


def _gradients_by_entries(
    problem: GraphProblem, base: BatchedValues, taps: list[Tap], noise: float
) -> dict[str, Estimate]:
    """Return the gradients from perturbations of single entries."""
    value = {tap.key: np.full(base[tap.name].shape, np.nan) for tap in taps}
    error = {tap.key: np.full(base[tap.name].shape, np.inf) for tap in taps}
    stacked_numbers = sum(rows * prod(shape) for shape, rows in node_batches(problem).sizes.items())
    for sweep in _sweeps(taps, stacked_numbers):
        derivatives, errors = _differences(problem, base, sweep, noise)
        for tap, columns in sweep:
            known = np.isfinite(derivatives[columns]) & np.isfinite(errors[columns])
            value[tap.key].flat[tap.entries[known]] = derivatives[columns][known]
            error[tap.key].flat[tap.entries[known]] = errors[columns][known]
    return {key: Estimate(array, error[key]) for key, array in value.items()}


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


def _is_smooth(band: NodeBatch, base: list[Array], values: list[Array], steps: tuple[int, int]) -> Array:
    """True for perturbations that carry no operand to a kink, on any side. steps: (sides, entries)."""
    entries = steps[1]
    if band.rows is not None:
        values = [value.swapaxes(0, 1) for value in values]  # copies first
    half_widths = [
        largest_distance(value, base_value, steps) for value, base_value in zip(values, base, strict=True)
    ]
    crossed = band.node.operation.kinks(band.node, base, half_widths)
    if crossed is None:
        return np.ones(entries, dtype=bool)
    # an operand that does not move crosses no kink
    return ~np.broadcast_to(
        (crossed & (half_widths[0] > 0)).reshape(len(half_widths[0]), -1).any(axis=-1), entries
    )
