"""Subgradients judged jointly: one choice of slopes must give all entries of a submission at once.

Every kink and every tie offers a few extreme choices: the slope to its left and the one to its right, or
the whole gradient to one of the largest entries. What is right is a mixture of them, with weights of 0 or
more that sum to 1. The gradient is affine in the weights of each kink, so that with kinks in one place the
question is a least-squares problem over simplices, which an active-set method solves exactly (Lawson &
Hanson, Solving Least Squares Problems, 1974, chapter 23). With kinks behind kinks it is solved again from
better and better points; a choice that is found then proves a submission right, and none found proves
nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from reference_impl.activations import Activation, Kink
from reference_impl.array import Array
from verifier.caution import Caution
from verifier.comparison import END, Comparison
from verifier.graphs.arithmetic.balls import BALLS
from verifier.graphs.arithmetic.numbers import FLOATS, Numbers, largest_shares
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reverse import Kinks, gradients_of
from verifier.graphs.rounding import reached_kinks
from verifier.graphs.stacked import Stacked
from verifier.graphs.values import values_of

MOST_CHOICES = 128  # extreme choices of all kinks together; beyond, entries are judged one by one
MOST_NUMBERS = 20_000_000  # entries times choices, which are held at once
MOST_PASSES = 6_000  # backward passes, where kinks stand behind kinks
_STEPS = 20  # of improving a choice, where kinks stand behind kinks
_TRIES = 8  # of damping a step
_DRAWN = 6  # random choices to start from, there
_NOISE = 2.0**-46  # of an entry's size: what computing its gradient in float64 may cost
_ROUNDS = 10  # of reweighting, to find the choice that leaves fewest entries wrong


class Joint(Enum):
    """Whether one choice of slopes gives all entries."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"  # proved
    UNKNOWN = "unknown"
    TOO_MANY = "too many"  # kinks, so that nothing was tried


def cautions_of(outcome: Joint) -> Iterator[Caution]:
    """Return what a report says of a submission whose entries at kinks were judged together."""
    if outcome is Joint.INCONSISTENT:
        yield Caution(
            "inconsistent-slopes",
            "no single choice of slopes at the kinks gives all of these entries together; each alone "
            "would be right",
        )
    elif outcome is Joint.UNKNOWN:
        yield Caution(
            "inconsistent-slopes",
            "no single choice of slopes at the kinks was found that gives all of these entries together, "
            "and it was not ruled out either; use numbers that are not at a kink",
        )
    elif outcome is Joint.TOO_MANY:
        yield Caution(
            "slopes-judged-singly",
            "there are too many kinks here to judge their slopes together, so every entry was judged by "
            "itself",
        )


@dataclass(frozen=True, slots=True)
class JointResult:
    """comparisons: with entries that no common choice gives taken out of the correct ones."""

    outcome: Joint
    comparisons: Mapping[str, Comparison]


def judge_jointly(problem: GraphProblem, kinks: Kinks, comparisons: Mapping[str, Comparison]) -> JointResult:
    """Return the comparisons, judged under one choice of slopes.

    kinks: by node, where the submission's precision cannot tell the slope, beyond those that float64 reaches.
    Entries that one choice cannot give are incorrect where that is proved, and undecided where it is not.
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
    reached = _reached(problem, kinks)
    if sum(int(mask.sum()) for mask in reached.values()) > MOST_CHOICES:  # each entry is one choice at least
        return JointResult(Joint.TOO_MANY, comparisons)
    values = values_of(problem, FLOATS)
    choices = _Choices(problem, values, tuple(_points(problem, values, reached)))
    if choices.count > MOST_CHOICES or choices.count * count > MOST_NUMBERS:
        return JointResult(Joint.TOO_MANY, comparisons)
    target = _Target.of(at_kinks, comparisons)
    outcome, gradient = _solve(choices, target)
    if outcome is Joint.CONSISTENT:
        return JointResult(outcome, comparisons)
    return JointResult(outcome, _taken_out(comparisons, at_kinks, target, gradient, outcome))


class _Slopes(Numbers):
    """float64, with `kinks` as what is added to the slope, or to the share, that float64 would take."""

    def pulled(self, function: Activation, x: Any, u: Any, kinks: Array | None) -> Any:
        usual = function.pull_back(x, u)
        return usual if kinks is None or not function.kinks else usual + u * kinks

    def maximum_pulled(self, x: Any, u: Any, axes: tuple[int, ...], kinks: Array | None) -> Any:
        shares = largest_shares(x, axes)
        return u * (shares if kinks is None else shares + kinks)


_SLOPES = _Slopes()


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """One kink or tie of a node. places: the entries of its operand, an index. changes: a row a choice."""

    node: str
    places: tuple[Array, ...]
    changes: Array


@dataclass(frozen=True, eq=False)
class _Choices:
    """All kinks of a problem, and the gradient for any mixture of their choices."""

    problem: GraphProblem
    values: Stacked
    points: tuple[_Point, ...]

    @cached_property
    def groups(self) -> Array:
        """Which kink each choice belongs to."""
        return np.repeat(np.arange(len(self.points)), [len(point.changes) for point in self.points])

    @property
    def count(self) -> int:
        return len(self.groups)

    def gradient(self, weights: Array) -> Mapping[str, Array]:
        """Return the gradient by name, for weights of all choices, those of each kink summing to 1."""
        shapes, changes, start = self.problem.shapes(), {}, 0
        for point in self.points:
            own = weights[start : start + len(point.changes)] @ point.changes
            start += len(point.changes)
            if point.node not in changes:
                node = next(node for node in self.problem.nodes if node.name == point.node)
                changes[point.node] = np.zeros(shapes[node.operands[0]])
            changes[point.node][point.places] = own if point.places else own[0]
        return gradients_of(self.problem, self.values, _SLOPES, changes)

    def drawn(self, count: int) -> Iterator[Array]:
        """Return seeded random weights."""
        for seed in range(count):
            weights = np.random.default_rng(seed).exponential(size=self.count)
            yield weights / np.bincount(self.groups, weights)[self.groups]

    def uniform(self) -> Iterator[Array]:
        """Return what programs take: the same choice at every kink, and the middle."""
        most = max(len(point.changes) for point in self.points)
        for choice in (*range(most), None):
            yield np.concatenate(
                [
                    np.full(len(point.changes), 1.0 / len(point.changes))
                    if choice is None
                    else np.eye(len(point.changes))[min(choice, len(point.changes) - 1)]
                    for point in self.points
                ]
            )


def _reached(problem: GraphProblem, kinks: Kinks) -> dict[str, Array]:
    """Return by node where float64 cannot tell the slope, and where `kinks` says that a submission cannot."""
    reached = reached_kinks(problem, values_of(problem, BALLS), lambda own: (own.middle, own.radius))
    return reached | {name: own | reached.get(name, own) for name, own in kinks.items()}


def _points(problem: GraphProblem, values: Stacked, reached: Kinks) -> Iterator[_Point]:
    for node in problem.upstream_of_output:
        if node.name not in reached:
            continue
        mask, x = reached[node.name], np.asarray(values[node.operands[0]])
        if "axes" in node.options:
            yield from _ties(node.name, mask, x, node.options["axes"])
            continue
        function = node.options["function"]
        usual = function.pull_back(x, np.ones_like(x))
        for place in zip(*np.nonzero(mask), strict=True) if mask.ndim else [()]:
            kink = _nearest(function.kinks, float(x[place]))
            yield _Point(node.name, tuple(np.asarray([i]) for i in place), _sides(kink, float(usual[place])))


def _nearest(kinks: Sequence[Kink], at: float) -> Kink:
    return kinks[int(np.argmin([abs(at - kink.at) for kink in kinks]))]


def _sides(kink: Kink, usual: float) -> Array:
    return np.array([[kink.left - usual], [kink.right - usual]])


def _ties(name: str, mask: Array, x: Array, axes: tuple[int, ...]) -> Iterator[_Point]:
    shares = largest_shares(x, axes)
    kept = mask.any(axis=axes, keepdims=True).shape
    group = np.broadcast_to(np.arange(int(np.prod(kept))).reshape(kept), mask.shape)
    for index in np.unique(group[mask]):
        places = np.nonzero(mask & (group == index))
        yield _Point(name, places, np.eye(len(places[0])) - shares[places])


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """What is to be met: submitted numbers, and by how much each may be missed."""

    names: tuple[str, ...]
    which: Mapping[str, Array]
    submitted: Array
    allowed: Array

    @classmethod
    def of(cls, at_kinks: Mapping[str, Array], comparisons: Mapping[str, Comparison]) -> "_Target":
        names = tuple(at_kinks)
        rows = [(comparisons[name], at_kinks[name]) for name in names]
        submitted = np.concatenate([row.submitted[which] for row, which in rows])
        size = np.concatenate([np.maximum(np.abs(row.low), np.abs(row.high))[which] for row, which in rows])
        allowed = np.concatenate([row.tolerance[which] for row, which in rows])
        return cls(names, at_kinks, submitted, np.maximum(allowed, _NOISE * size))

    def misses(self, gradient: Mapping[str, Array]) -> Array:
        """Return by how many times what is allowed each entry is missed, with its sign."""
        return (self.flat(gradient) - self.submitted) / self.allowed

    def flat(self, gradient: Mapping[str, Array]) -> Array:
        return np.concatenate([np.asarray(gradient[plain(name)])[self.which[name]] for name in self.names])


@np.errstate(all="ignore")
def _solve(choices: _Choices, target: _Target) -> tuple[Joint, Array]:
    """Return whether one mixture meets the target, and the entries of the mixture that comes nearest."""
    starts = []
    for weights in choices.uniform():
        misses = target.misses(choices.gradient(weights))
        if np.abs(misses).max() <= 1.0:
            return Joint.CONSISTENT, target.flat(choices.gradient(weights))
        starts.append((float(np.sum(np.square(misses))), weights))
    even = starts[-1][1]
    affine = _Affine.of(choices, target, even)
    straight = affine.straight_entries(choices, target)
    outcome, weights = affine.solve(straight)
    if outcome is Joint.INCONSISTENT or straight.all():
        return outcome, target.flat(choices.gradient(weights))
    starts.sort(key=lambda pair: pair[0])
    nearest, least = even, np.inf
    most = max(2, MOST_PASSES // (choices.count * _STEPS))
    tried = (even, weights, *(own for _, own in starts[:2]), *choices.drawn(_DRAWN))
    for start in tried[:most]:
        weights, misses = _improved(choices, target, start)
        size = float(np.abs(misses).max())
        if size < least:
            nearest, least = weights, size
        if size <= 1.0:
            return Joint.CONSISTENT, target.flat(choices.gradient(weights))
    return Joint.UNKNOWN, target.flat(choices.gradient(nearest))


def _improved(choices: _Choices, target: _Target, weights: Array) -> tuple[Array, Array]:
    """Return weights of fewer misses, by the method of Levenberg and Marquardt; and the misses."""
    misses = target.misses(choices.gradient(weights))
    damping, entries = 1e-3, np.ones(len(misses))
    for _ in range(_STEPS):
        affine, squares = _Affine.of(choices, target, weights), float(np.sum(np.square(misses)))
        for _ in range(_TRIES):
            found, _ = affine.least_squares(entries, damping)
            now = target.misses(choices.gradient(found))
            if np.sum(np.square(now)) < squares:
                damping *= 0.03
                break
            damping *= 10.0
        else:
            break
        weights, misses = found, now
        if np.abs(misses).max() <= 1.0:
            break
    return weights, misses


@dataclass(frozen=True, slots=True, eq=False)
class _Affine:
    """The misses near some weights, `matrix @ weights - right`; exact where no kink stands behind another."""

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
        # the column of a choice is what taking it alone changes, so that columns of one kink weigh in to 0
        return cls(matrix, matrix @ weights - misses, weights, choices.groups)

    def straight_entries(self, choices: _Choices, target: _Target) -> Array:
        """True for entries affine in all weights together: no kink they depend on is behind another."""
        straight = np.ones(len(self.right), dtype=bool)
        for drawn in choices.drawn(2):
            off = np.abs(self.matrix @ drawn - self.right - target.misses(choices.gradient(drawn)))
            straight &= off <= 0.1 + 1e-10 * np.abs(self.matrix).max(axis=1, initial=0.0)
        return straight

    def solve(self, entries: Array) -> tuple[Joint, Array]:
        """Return whether some weights meet these entries, and the weights that miss fewest."""
        own = np.where(entries, 1.0, 0.0)
        weights, squares = self.least_squares(own)
        if self._largest(weights, entries) <= 1.0:
            return Joint.CONSISTENT, weights
        # of weights that meet all, the squares would sum to the number of entries at most
        proved = squares > 1.01 * np.count_nonzero(entries) + 1.0
        if not proved:
            weights, met = self._reweighted(weights, entries, lambda sizes: np.maximum(sizes, 1e-3))
            return (Joint.CONSISTENT if met else Joint.UNKNOWN), weights
        weights, _ = self._reweighted(weights, entries, lambda sizes: 1.0 / np.maximum(sizes, 1.0))
        return Joint.INCONSISTENT, weights

    def _reweighted(
        self, weights: Array, entries: Array, factor: Callable[[Array], Array]
    ) -> tuple[Array, bool]:
        """Solve again and again, each entry weighed by its miss: for the largest to shrink, or to be few."""
        own = entries.astype(float)
        for _ in range(_ROUNDS):
            own = own * factor(np.abs(self.matrix @ weights - self.right)) ** 0.5
            own = own / own.max()
            weights, _ = self.least_squares(own)
            if self._largest(weights, entries) <= 1.0:
                return weights, True
        return weights, False

    def _largest(self, weights: Array, entries: Array) -> float:
        return float(np.abs(self.matrix @ weights - self.right)[entries].max(initial=0.0))

    def least_squares(self, own: Array, damping: float = 0.0) -> tuple[Array, float]:
        """Return the weights, on a simplex a kink, that minimise Σ (own · miss)²; and the minimum.

        damping: how much it costs to leave the weights that this is about, relative to the matrix.
        """
        matrix, right = own[:, np.newaxis] * self.matrix, own * self.right
        if damping:
            costs = damping * np.abs(matrix).max(initial=0.0) * np.eye(matrix.shape[1])
            matrix, right = np.vstack([matrix, costs]), np.concatenate([right, costs @ self.weights])
        if len(matrix) > matrix.shape[1] + 1:  # the same minimum, of as many rows as columns
            both = np.asarray(np.linalg.qr(np.column_stack([matrix, right]), mode="r"))
            matrix, right = both[:, :-1], both[:, -1]
        weights = _on_simplices(matrix, right, self.groups, self.weights)
        return weights, float(np.sum(np.square(matrix @ weights - right)))


def _on_simplices(matrix: Array, right: Array, groups: Array, start: Array) -> Array:
    """Return x that minimises |matrix x − right|² with x ≥ 0 and a sum of 1 in each group, by active sets.

    start: such an x, though perhaps not the best.
    """
    x = np.maximum(start, 0.0)
    x = x / np.bincount(groups, x)[groups]
    free = x > 0
    barred = np.zeros(len(x), dtype=bool)  # choices that were let in without any gain
    least = np.inf
    for _ in range(4 * len(groups)):
        x, free = _within(matrix, right, groups, free, x)
        residual = matrix @ x - right
        squares = float(residual @ residual)
        if squares < least * (1.0 - 1e-12):
            least = squares
            barred[:] = False
        slope = matrix.T @ residual
        # at the minimum the slopes of all free choices of a kink are alike, and no other is below them
        level = np.bincount(groups, x * slope)
        gain = np.where(free | barred, 0.0, level[groups] - slope)
        best = int(np.argmax(gain))
        if gain[best] <= 1e-12 * np.linalg.norm(matrix[:, best]) * np.sqrt(squares):
            break
        free[best] = barred[best] = True
    return x


def _within(matrix: Array, right: Array, groups: Array, free: Array, x: Array) -> tuple[Array, Array]:
    """Return the minimum over free choices that keeps all of them at 0 or more, and those that stay free."""
    while True:
        z = _on_planes(matrix, right, groups, free)
        going = free & (z < 0.0)
        if not going.any():
            return z, free
        steps = np.where(going, x / np.where(going, x - z, 1.0), np.inf)
        x = np.where(free, np.maximum(x + steps.min() * (z - x), 0.0), 0.0)
        out = going & (steps <= steps.min())
        x[out] = 0.0
        x = x / np.bincount(groups, x)[groups]
        free = free & ~out


def _on_planes(matrix: Array, right: Array, groups: Array, free: Array) -> Array:
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
    found, *_ = np.linalg.lstsq(matrix @ basis, right - matrix @ base, rcond=1e-13)
    return np.asarray(base + basis @ found)


def _taken_out(
    comparisons: Mapping[str, Comparison],
    at_kinks: Mapping[str, Array],
    target: _Target,
    nearest: Array,
    outcome: Joint,
) -> dict[str, Comparison]:
    """Return the comparisons with the entries that the nearest common choice does not give."""
    found, start = dict(comparisons), 0
    missed = np.abs(nearest - target.submitted) > target.allowed
    for name in target.names:
        row, which = comparisons[name], at_kinks[name]
        end = start + int(which.sum())
        out, expected = np.zeros(which.shape, dtype=bool), row.expected.copy()
        out[which], expected[which] = missed[start:end], nearest[start:end]
        start = end
        incorrect = out if outcome is Joint.INCONSISTENT else np.zeros_like(out)
        found[name] = replace(
            row,
            expected=expected,
            error=np.where(which, np.abs(row.submitted - expected), row.error),
            correct=row.correct & ~out,
            incorrect=row.incorrect | incorrect,
            undecided=(row.undecided | out) & ~incorrect,
            inconsistent=out & ~incorrect,
            nonzero=np.where(
                which, np.abs(expected) > row.uncertainty + END * (row.high - row.low), row.nonzero
            ),
            to_rounding=row.to_rounding & ~out,
        )
    return found
