"""Judge subgradients jointly: one choice of slopes must give all entries of a submission at once.

Every kink and every tie has a few extreme choices: the slope on its left and the one on its right, or the
whole gradient for one of the largest entries. A correct submission uses a mixture of them, with weights of 0
or more that sum to 1. The gradient is affine in the weights of each kink. With independent kinks this is a
least-squares problem over simplices, which an active-set method solves exactly (Lawson & Hanson, Solving
Least Squares Problems, 1974, chapter 23). If some kinks depend on others, it is solved repeatedly from better
and better points. A choice found this way proves a submission right; finding none proves nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from reference_impl.activations import Activation, Kink
from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS, Numbers, largest_shares
from verifier.engine.autodiff import BatchedValues, Kinks, gradients_of, reached_kinks, values_of
from verifier.engine.interval_functions import INTERVALS
from verifier.judging.comparison import SUBGRADIENT_END_RTOL, Comparison
from verifier.problem.errors import ReportWarning
from verifier.problem.graph import GraphProblem, node_name

MOST_CHOICES = 128  # extreme choices of all kinks together; beyond it, entries are judged one by one
MOST_NUMBERS = 20_000_000  # entries times choices, held in memory at once
MOST_PASSES = 6_000  # backward passes, where kinks depend on others
_STEPS = 20  # iterations of Levenberg-Marquardt, where kinks depend on others
_DAMPING_STEPS = 8  # attempts to damp a step
_RANDOM_STARTS = 6  # random starting points, where kinks depend on others
_NOISE = 2.0**-46  # relative rounding error of an entry's gradient in float64
_REWEIGHTINGS = 10  # iterations of reweighting, to find the choice with the fewest wrong entries


class Joint(Enum):
    """Result of the search for one choice of slopes that gives all entries."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"  # proved
    UNKNOWN = "unknown"
    TOO_MANY = "too many"  # too many kinks; no search was made


def subgradient_warnings(outcome: Joint) -> Iterator[ReportWarning]:
    """Yield the report's warnings for entries at kinks that were judged together."""
    if outcome is Joint.INCONSISTENT:
        yield ReportWarning(
            "inconsistent-slopes",
            "no single choice of slopes at the kinks gives all of these entries together; each alone "
            "would be right",
        )
    elif outcome is Joint.UNKNOWN:
        yield ReportWarning(
            "inconsistent-slopes",
            "no single choice of slopes at the kinks was found that gives all of these entries together, "
            "and it was not ruled out either; use numbers that are not at a kink",
        )
    elif outcome is Joint.TOO_MANY:
        yield ReportWarning(
            "slopes-judged-singly",
            "there are too many kinks here to judge their slopes together, so every entry was judged by "
            "itself",
        )


@dataclass(frozen=True, slots=True)
class JointResult:
    """The outcome, and the comparisons without the correct entries that no common choice gives."""

    outcome: Joint
    comparisons: Mapping[str, Comparison]


def judge_jointly(problem: GraphProblem, kinks: Kinks, comparisons: Mapping[str, Comparison]) -> JointResult:
    """Return the comparisons, judged under one choice of slopes.

    kinks: by node, where the submission's precision does not determine the slope, beyond the kinks of
    float64. Entries that one choice cannot give are incorrect if that is proved, and undecided otherwise.
    """
    at_kinks = {
        name: row.subgradient & (row.correct | row.excused | row.doubtful)
        for name, row in comparisons.items()
        if row.subgradient.any() and not (row.incorrect & row.subgradient).any()
    }
    at_kinks = {name: which for name, which in at_kinks.items() if which.any()}
    count = sum(int(which.sum()) for which in at_kinks.values())
    if not count:
        return JointResult(Joint.CONSISTENT, comparisons)
    reached = _kink_masks(problem, kinks)
    # every entry has at least one choice
    if sum(int(mask.sum()) for mask in reached.values()) > MOST_CHOICES:
        return JointResult(Joint.TOO_MANY, comparisons)
    values = values_of(problem, FLOATS)
    choices = _Choices(problem, values, tuple(_points(problem, values, reached)))
    if choices.count > MOST_CHOICES or choices.count * count > MOST_NUMBERS:
        return JointResult(Joint.TOO_MANY, comparisons)
    target = _Target.of(at_kinks, comparisons)
    outcome, gradient = _solve(choices, target)
    if outcome is Joint.CONSISTENT:
        return JointResult(outcome, comparisons)
    return JointResult(outcome, _without_inconsistent(comparisons, at_kinks, target, gradient, outcome))


class _Slopes(Numbers):
    """float64 arithmetic, where `kinks` is added to the slope, or the share, that float64 takes."""

    def activation_vjp(self, function: Activation, x: Any, u: Any, kinks: Array | None) -> Any:
        default = function.vjp(x, u)
        return default if kinks is None or not function.kinks else default + u * kinks

    def maximum_vjp(self, x: Any, u: Any, axes: tuple[int, ...], kinks: Array | None) -> Any:
        shares = largest_shares(x, axes)
        return u * (shares if kinks is None else shares + kinks)


_SLOPES = _Slopes()


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """One kink or tie of a node.

    places: index of the operand's entries. changes: one row per choice, added to the default slopes.
    """

    node: str
    places: tuple[Array, ...]
    changes: Array


@dataclass(frozen=True, eq=False)
class _Choices:
    """All kinks of a problem, and the gradient for any mixture of their choices."""

    problem: GraphProblem
    values: BatchedValues
    points: tuple[_Point, ...]

    @cached_property
    def groups(self) -> Array:
        """Return the kink that each choice belongs to."""
        return np.repeat(np.arange(len(self.points)), [len(point.changes) for point in self.points])

    @property
    def count(self) -> int:
        """Return the number of choices of all kinks."""
        return len(self.groups)

    def gradient(self, weights: Array) -> Mapping[str, Array]:
        """Return the gradient by name, for weights of all choices; those of each kink sum to 1."""
        shapes, changes, start = self.problem.shapes(), {}, 0
        for point in self.points:
            change = weights[start : start + len(point.changes)] @ point.changes
            start += len(point.changes)
            if point.node not in changes:
                node = next(node for node in self.problem.nodes if node.name == point.node)
                changes[point.node] = np.zeros(shapes[node.operands[0]])
            changes[point.node][point.places] = change if point.places else change[0]
        return gradients_of(self.problem, self.values, _SLOPES, changes)

    def drawn(self, count: int) -> Iterator[Array]:
        """Yield seeded random weights."""
        for seed in range(count):
            weights = np.random.default_rng(seed).exponential(size=self.count)
            yield weights / np.bincount(self.groups, weights)[self.groups]

    def uniform(self) -> Iterator[Array]:
        """Yield the weights that programs use: the same choice at every kink, and the mean of all."""
        largest = max(len(point.changes) for point in self.points)
        for choice in (*range(largest), None):
            yield np.concatenate(
                [
                    np.full(len(point.changes), 1.0 / len(point.changes))
                    if choice is None
                    else np.eye(len(point.changes))[min(choice, len(point.changes) - 1)]
                    for point in self.points
                ]
            )


def _kink_masks(problem: GraphProblem, kinks: Kinks) -> dict[str, Array]:
    """Return masks by node: where float64 does not determine the slope, joined with `kinks`."""
    values = values_of(problem, INTERVALS)
    reached = reached_kinks(values, lambda interval: (interval.middle, interval.radius))
    return reached | {name: mask | reached.get(name, mask) for name, mask in kinks.items()}


def _points(problem: GraphProblem, values: BatchedValues, reached: Kinks) -> Iterator[_Point]:
    for node in problem.upstream_of_output:
        if node.name not in reached:
            continue
        mask, x = reached[node.name], np.asarray(values[node.operands[0]])
        if "axes" in node.options:
            yield from _ties(node.name, mask, x, node.options["axes"])
            continue
        function = node.options["function"]
        default_derivatives = function.vjp(x, np.ones_like(x))
        for place in zip(*np.nonzero(mask), strict=True) if mask.ndim else [()]:
            kink = _nearest(function.kinks, float(x[place]))
            yield _Point(
                node.name,
                tuple(np.asarray([i]) for i in place),
                _side_changes(kink, float(default_derivatives[place])),
            )


def _nearest(kinks: Sequence[Kink], at: float) -> Kink:
    return kinks[int(np.argmin([abs(at - kink.at) for kink in kinks]))]


def _side_changes(kink: Kink, default: float) -> Array:
    return np.array([[kink.left - default], [kink.right - default]])


def _ties(name: str, mask: Array, x: Array, axes: tuple[int, ...]) -> Iterator[_Point]:
    shares = largest_shares(x, axes)
    group_shape = mask.any(axis=axes, keepdims=True).shape
    group = np.broadcast_to(np.arange(int(np.prod(group_shape))).reshape(group_shape), mask.shape)
    for index in np.unique(group[mask]):
        places = np.nonzero(mask & (group == index))
        yield _Point(name, places, np.eye(len(places[0])) - shares[places])


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """The submitted numbers, and the tolerance of each."""

    names: tuple[str, ...]
    which: Mapping[str, Array]
    submitted: Array
    tolerance: Array

    @classmethod
    def of(cls, at_kinks: Mapping[str, Array], comparisons: Mapping[str, Comparison]) -> "_Target":
        names = tuple(at_kinks)
        rows = [(comparisons[name], at_kinks[name]) for name in names]
        submitted = np.concatenate([row.submitted[which] for row, which in rows])
        size = np.concatenate([np.maximum(np.abs(row.low), np.abs(row.high))[which] for row, which in rows])
        tolerance = np.concatenate([row.tolerance[which] for row, which in rows])
        return cls(names, at_kinks, submitted, np.maximum(tolerance, _NOISE * size))

    def misses(self, gradient: Mapping[str, Array]) -> Array:
        """Return the signed miss of each entry, relative to its tolerance."""
        return (self.flat(gradient) - self.submitted) / self.tolerance

    def flat(self, gradient: Mapping[str, Array]) -> Array:
        return np.concatenate(
            [np.asarray(gradient[node_name(name)])[self.which[name]] for name in self.names]
        )


@np.errstate(all="ignore")
def _solve(choices: _Choices, target: _Target) -> tuple[Joint, Array]:
    """Return whether one mixture meets the target, and the entries of the nearest mixture."""
    starts = []
    for weights in choices.uniform():
        misses = target.misses(choices.gradient(weights))
        if np.abs(misses).max() <= 1.0:
            return Joint.CONSISTENT, target.flat(choices.gradient(weights))
        starts.append((float(np.sum(np.square(misses))), weights))
    mean_weights = starts[-1][1]
    affine = _Affine.of(choices, target, mean_weights)
    affine_entries = affine.affine_entries(choices, target)
    outcome, weights = affine.solve(affine_entries)
    if outcome is Joint.INCONSISTENT or affine_entries.all():
        return outcome, target.flat(choices.gradient(weights))
    starts.sort(key=lambda pair: pair[0])
    nearest, smallest_miss = mean_weights, np.inf
    max_starts = max(2, MOST_PASSES // (choices.count * _STEPS))
    candidates = (mean_weights, weights, *(start for _, start in starts[:2]), *choices.drawn(_RANDOM_STARTS))
    for start in candidates[:max_starts]:
        weights, misses = _levenberg_marquardt(choices, target, start)
        largest_miss = float(np.abs(misses).max())
        if largest_miss < smallest_miss:
            nearest, smallest_miss = weights, largest_miss
        if largest_miss <= 1.0:
            return Joint.CONSISTENT, target.flat(choices.gradient(weights))
    return Joint.UNKNOWN, target.flat(choices.gradient(nearest))


def _levenberg_marquardt(choices: _Choices, target: _Target, weights: Array) -> tuple[Array, Array]:
    """Return weights with fewer misses, by the method of Levenberg and Marquardt, and the misses."""
    misses = target.misses(choices.gradient(weights))
    damping, entries = 1e-3, np.ones(len(misses))
    for _ in range(_STEPS):
        affine, squares = _Affine.of(choices, target, weights), float(np.sum(np.square(misses)))
        for _ in range(_DAMPING_STEPS):
            candidate, _ = affine.least_squares(entries, damping)
            candidate_misses = target.misses(choices.gradient(candidate))
            if np.sum(np.square(candidate_misses)) < squares:
                damping *= 0.03
                break
            damping *= 10.0
        else:
            break
        weights, misses = candidate, candidate_misses
        if np.abs(misses).max() <= 1.0:
            break
    return weights, misses


@dataclass(frozen=True, slots=True, eq=False)
class _Affine:
    """Misses near some weights, `matrix @ weights - right`; exact if no kink depends on another."""

    matrix: Array
    right: Array
    weights: Array
    groups: Array

    @classmethod
    def of(cls, choices: _Choices, target: _Target, weights: Array) -> "_Affine":
        misses = target.misses(choices.gradient(weights))
        matrix = np.empty((len(misses), choices.count))
        for column in range(choices.count):
            moved = np.where(choices.groups == choices.groups[column], 0.0, weights)
            moved[column] = 1.0
            matrix[:, column] = target.misses(choices.gradient(moved)) - misses
        # a column is the change of taking its choice alone; with the weights, columns of one kink sum to 0
        return cls(matrix, matrix @ weights - misses, weights, choices.groups)

    def affine_entries(self, choices: _Choices, target: _Target) -> Array:
        """True for entries affine in all weights together: none of their kinks depends on another."""
        is_affine = np.ones(len(self.right), dtype=bool)
        for weights in choices.drawn(2):
            deviation = np.abs(self.matrix @ weights - self.right - target.misses(choices.gradient(weights)))
            is_affine &= deviation <= 0.1 + 1e-10 * np.abs(self.matrix).max(axis=1, initial=0.0)
        return is_affine

    def solve(self, entries: Array) -> tuple[Joint, Array]:
        """Return whether some weights meet these entries, and the weights with the fewest misses."""
        entry_weights = np.where(entries, 1.0, 0.0)
        weights, squares = self.least_squares(entry_weights)
        if self._largest(weights, entries) <= 1.0:
            return Joint.CONSISTENT, weights
        # if some weights met all entries, the squares would sum to at most their number
        proved = squares > 1.01 * np.count_nonzero(entries) + 1.0
        if not proved:
            weights, met = self._reweighted(weights, entries, lambda sizes: np.maximum(sizes, 1e-3))
            return (Joint.CONSISTENT if met else Joint.UNKNOWN), weights
        weights, _ = self._reweighted(weights, entries, lambda sizes: 1.0 / np.maximum(sizes, 1.0))
        return Joint.INCONSISTENT, weights

    def _reweighted(
        self, weights: Array, entries: Array, factor: Callable[[Array], Array]
    ) -> tuple[Array, bool]:
        """Solve repeatedly with entries weighted by their misses, for a smaller maximum or fewer misses."""
        entry_weights = entries.astype(float)
        for _ in range(_REWEIGHTINGS):
            entry_weights = entry_weights * factor(np.abs(self.matrix @ weights - self.right)) ** 0.5
            entry_weights = entry_weights / entry_weights.max()
            weights, _ = self.least_squares(entry_weights)
            if self._largest(weights, entries) <= 1.0:
                return weights, True
        return weights, False

    def _largest(self, weights: Array, entries: Array) -> float:
        """Return the largest miss of these entries."""
        return float(np.abs(self.matrix @ weights - self.right)[entries].max(initial=0.0))

    def least_squares(self, entry_weights: Array, damping: float = 0.0) -> tuple[Array, float]:
        """Return the weights, on a simplex per kink, that minimise Σ (entry_weight · miss)², and the minimum.

        damping: relative cost of leaving the current weights.
        """
        matrix, right = entry_weights[:, np.newaxis] * self.matrix, entry_weights * self.right
        if damping:
            costs = damping * np.abs(matrix).max(initial=0.0) * np.eye(matrix.shape[1])
            matrix, right = np.vstack([matrix, costs]), np.concatenate([right, costs @ self.weights])
        # reduces the rows to the number of columns, with the same minimum
        if len(matrix) > matrix.shape[1] + 1:
            triangle = np.asarray(np.linalg.qr(np.column_stack([matrix, right]), mode="r"))
            matrix, right = triangle[:, :-1], triangle[:, -1]
        weights = _minimum_on_simplices(matrix, right, self.groups, self.weights)
        return weights, float(np.sum(np.square(matrix @ weights - right)))


def _minimum_on_simplices(matrix: Array, right: Array, groups: Array, start: Array) -> Array:
    """Return x that minimises |matrix x − right|² with x ≥ 0 and a sum of 1 in each group, by active sets.

    start: any such x.
    """
    x = np.maximum(start, 0.0)
    x = x / np.bincount(groups, x)[groups]
    free = x > 0
    excluded = np.zeros(len(x), dtype=bool)  # choices that were freed without any gain
    smallest = np.inf
    for _ in range(4 * len(groups)):
        x, free = _minimum_of_free(matrix, right, groups, free, x)
        residual = matrix @ x - right
        squares = float(residual @ residual)
        if squares < smallest * (1.0 - 1e-12):
            smallest = squares
            excluded[:] = False
        slope = matrix.T @ residual
        # at the minimum the free choices of a kink have equal slopes, and no other has a smaller one
        level = np.bincount(groups, x * slope)
        gain = np.where(free | excluded, 0.0, level[groups] - slope)
        best = int(np.argmax(gain))
        if gain[best] <= 1e-12 * np.linalg.norm(matrix[:, best]) * np.sqrt(squares):
            break
        free[best] = excluded[best] = True
    return x


def _minimum_of_free(
    matrix: Array, right: Array, groups: Array, free: Array, x: Array
) -> tuple[Array, Array]:
    """Return the minimum over free choices of 0 or more, and the choices that stay free."""
    while True:
        z = _minimum_on_planes(matrix, right, groups, free)
        negative = free & (z < 0.0)
        if not negative.any():
            return z, free
        steps = np.where(negative, x / np.where(negative, x - z, 1.0), np.inf)
        x = np.where(free, np.maximum(x + steps.min() * (z - x), 0.0), 0.0)
        leaving = negative & (steps <= steps.min())
        x[leaving] = 0.0
        x = x / np.bincount(groups, x)[groups]
        free = free & ~leaving


def _minimum_on_planes(matrix: Array, right: Array, groups: Array, free: Array) -> Array:
    """Return the minimum with a sum of 1 in each group, where only free choices differ from 0."""
    columns, base = [], np.zeros(len(groups))
    for group in range(int(groups.max()) + 1):
        pivot, *others = np.flatnonzero(free & (groups == group))
        base[pivot] = 1.0
        for other in others:
            column = np.zeros(len(groups))
            column[other], column[pivot] = 1.0, -1.0
            columns.append(column)
    if not columns:
        return base
    basis = np.array(columns).T
    solution, *_ = np.linalg.lstsq(matrix @ basis, right - matrix @ base, rcond=1e-13)
    return np.asarray(base + basis @ solution)


def _without_inconsistent(
    comparisons: Mapping[str, Comparison],
    at_kinks: Mapping[str, Array],
    target: _Target,
    nearest: Array,
    outcome: Joint,
) -> dict[str, Comparison]:
    """Return the comparisons without the entries that the nearest common choice does not give."""
    results, start = dict(comparisons), 0
    missed = np.abs(nearest - target.submitted) > target.tolerance
    for name in target.names:
        row, which = comparisons[name], at_kinks[name]
        end = start + int(which.sum())
        inconsistent, expected = np.zeros(which.shape, dtype=bool), row.expected.copy()
        inconsistent[which], expected[which] = missed[start:end], nearest[start:end]
        start = end
        incorrect = inconsistent if outcome is Joint.INCONSISTENT else np.zeros_like(inconsistent)
        results[name] = replace(
            row,
            expected=expected,
            error=np.where(which, np.abs(row.submitted - expected), row.error),
            correct=row.correct & ~inconsistent,
            incorrect=row.incorrect | incorrect,
            undecided=(row.undecided | inconsistent) & ~incorrect,
            inconsistent=inconsistent & ~incorrect,
            nonzero=np.where(
                which,
                np.abs(expected) > row.uncertainty + SUBGRADIENT_END_RTOL * (row.high - row.low),
                row.nonzero,
            ),
            to_rounding=row.to_rounding & ~inconsistent,
        )
    return results
