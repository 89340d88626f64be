"""Enclose gradients in intervals: values, bounds, and the subdifferential at kinks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import NORMS, Penalty
from reference_impl.problem import Problem
from verifier.engine.autodiff import BatchedValues, Kinks, reached_kinks, requested_gradients, values_of
from verifier.engine.estimate import Estimate
from verifier.engine.interval_functions import INTERVALS, SHARP_INTERVALS, IntervalArithmetic
from verifier.engine.intervals import Factors, Interval, exact, plus, times
from verifier.engine.lazy_products import ALL, LazyEstimates, RowEstimates, RowIndex
from verifier.engine.lowering import OUTPUT, activated, lowered
from verifier.engine.operations.layers import AFFINE
from verifier.engine.operations.products import MATMUL
from verifier.problem.graph import GraphProblem
from verifier.problem.precision import Precision, round_to_precision

VAGUE = 1e-6  # relative to an entry's scale; a larger error decides little and is worth a sharper run
UNDERFLOW = 2.0**-1000  # errors caused by underflow do not count as vague

Slope = tuple[Interval, Array]
"""An enclosure of the gradient of a penalty, and the half width of its subdifferential."""

Slopes = Callable[[str, RowIndex], Sequence[Slope]]
"""Returns the gradients of all penalties on some rows of a parameter."""


def enclosed(
    problem: Problem,
    kinks: Sequence[Array],
    precision: Precision | None = None,
    arithmetic: IntervalArithmetic = INTERVALS,
    *,
    loss_kinks: Array | None = None,
) -> Mapping[str, Estimate]:
    """Return an enclosure of the gradient of a network of layers, with every slope at kinks.

    kinks: masks by layer, joined with the kinks that an enclosed pre-activation reaches.
    precision: weights that round to 0 in it are at the kink of an l1 penalty.
    arithmetic: `INTERVALS`, or `SHARP_INTERVALS` if those are too wide.
    loss_kinks: a mask of the loss's terms, joined with the kinks that the enclosed outputs reach.
    """
    masks = {activated(layer): mask for layer, mask in enumerate(kinks) if mask.any()}
    if loss_kinks is not None and loss_kinks.any():
        masks[OUTPUT] = loss_kinks
    penalties = problem.risk.penalties
    penalty_slopes = partial(_slopes_of_penalties, problem, precision) if penalties else _no_penalties
    has_kinks = any(penalty.norm == "l1" for penalty in penalties)
    graph = lowered(problem)
    values = values_of(graph, arithmetic, with_output=False)
    return _enclosed(graph, values, masks, arithmetic, penalty_slopes, lazily=not has_kinks)


def enclosed_graph(
    problem: GraphProblem, kinks: Kinks, arithmetic: IntervalArithmetic = INTERVALS
) -> Mapping[str, Estimate]:
    """Return enclosures of the gradients in `requested`, with every slope at kinks.

    kinks: masks by node, joined with the kinks that an enclosed value reaches.
    """
    values = values_of(problem, arithmetic)
    return _enclosed(problem, values, kinks, arithmetic, _no_penalties, lazily=True)


def enclosed_kinks(problem: Problem) -> tuple[list[Array], Array]:
    """Return by layer a mask, (N, out), of enclosed pre-activations that contain a kink; and of the loss."""
    graph = lowered(problem)
    reached = reached_kinks(values_of(graph, INTERVALS, with_output=False), _parts)
    shapes = [(problem.batch.size, layer.outputs) for layer in problem.network.layers]
    by_layer = [
        reached.get(activated(layer), np.zeros(shape, dtype=bool)) for layer, shape in enumerate(shapes)
    ]
    return by_layer, reached.get(OUTPUT, np.zeros(shapes[-1], dtype=bool))


def refined(
    enclose: Callable[[IntervalArithmetic], Mapping[str, Estimate]], scale: Callable[[], Mapping[str, Array]]
) -> Mapping[str, Estimate]:
    """Return enclosures, recomputed with sharper products where they are vague beside the scale.

    enclose: returns the enclosures in an arithmetic. Lazy ones are recomputed when it turns out.
    """
    estimates = enclose(INTERVALS)
    if isinstance(estimates, LazyEstimates):
        return _RefinableEstimates(estimates.names, estimates, enclose, scale)
    return enclose(SHARP_INTERVALS) if _is_vague(estimates, scale) else estimates


def has_products(problem: GraphProblem) -> bool:
    """True if a graph has matrix products, which sharper ones could replace."""
    return any(node.operation in (AFFINE, MATMUL) for node in problem.nodes)


def _parts(interval: Interval) -> tuple[Array, Array]:
    return interval.middle, interval.radius


@np.errstate(all="ignore")
def _enclosed(
    problem: GraphProblem,
    values: BatchedValues,
    kinks: Kinks,
    arithmetic: IntervalArithmetic,
    penalty_slopes: Slopes,
    *,
    lazily: bool,
) -> Mapping[str, Estimate]:
    reached = reached_kinks(values, _parts)
    reached |= {name: mask | reached.get(name, mask) for name, mask in kinks.items()}
    gradients = requested_gradients(problem, values, arithmetic)
    enclosures = _Enclosures(problem.requested, gradients, penalty_slopes)
    if not reached and lazily:
        return enclosures
    widened = enclosures
    if reached:
        gradients = requested_gradients(problem, values, arithmetic, reached)
        widened = _Enclosures(problem.requested, gradients, penalty_slopes)
    return {key: _estimate(key, enclosures, widened) for key in problem.requested}


@dataclass(eq=False)
class _Enclosures(LazyEstimates):
    """Enclosures of gradients away from kinks, formed some rows at a time."""

    gradients: Mapping[str, Interval | Factors]
    penalty_slopes: Slopes

    def _whole(self, name: str) -> Estimate:
        interval, _ = self.interval(name, ALL)
        return Estimate(interval.middle, _error(interval, 0.0))

    def rows(self, name: str, which: RowIndex) -> RowEstimates:
        interval, _ = self.interval(name, which)
        return RowEstimates(interval.middle, interval.radius)

    def interval(self, name: str, which: RowIndex) -> tuple[Interval, Array | float]:
        """Return the enclosure of some rows, and the half width of the subdifferential of its penalties."""
        gradient = self.gradients[name]
        interval = gradient if isinstance(gradient, Interval) and which is ALL else gradient.rows(which)
        half_width: Array | float = 0.0
        for slope, width in self.penalty_slopes(name, which):
            interval, half_width = plus(interval, slope), half_width + width
        return interval, half_width


def _estimate(name: str, enclosures: _Enclosures, widened: _Enclosures) -> Estimate:
    """Return the hull of both, about its own middle; the numerical error stays that of the first."""
    interval, half_width = enclosures.interval(name, ALL)
    middle, subgradient_radius = interval.middle, np.zeros(interval.shape) + half_width
    if widened is not enclosures:
        wide, _ = widened.interval(name, ALL)
        low = np.minimum(middle - interval.radius, wide.middle - wide.radius)
        high = np.maximum(middle + interval.radius, wide.middle + wide.radius)
        # the rounding error of multiplying ends instead of middles
        noise = 2.0**-48 * np.maximum(np.abs(low), np.abs(high))
        at_kink = (high - low) > 4.0 * interval.radius + noise
        middle = np.where(at_kink, 0.5 * (low + high), middle)
        subgradient_radius = subgradient_radius + np.where(
            at_kink, 0.5 * (high - low) + 2.0**-51 * np.abs(middle), 0.0
        )
    error = _error(Interval(middle, interval.radius), subgradient_radius)
    return Estimate(middle, error, subgradient_radius if subgradient_radius.any() else None)


def _error(interval: Interval, subgradient_radius: Array | float) -> Array:
    """Return the radius, infinite where anything is not finite."""
    known = np.isfinite(interval.middle) & np.isfinite(interval.radius) & np.isfinite(subgradient_radius)
    return interval.radius if known.all() else np.where(known, interval.radius, np.inf)


@dataclass(eq=False)
class _RefinableEstimates(LazyEstimates):
    """Estimates from plain products, replaced on demand by those from sharper products if they are vague."""

    estimates: LazyEstimates
    enclose: Callable[[IntervalArithmetic], Mapping[str, Estimate]]
    scale: Callable[[], Mapping[str, Array]]
    _is_final: bool = field(default=False, init=False)

    def _whole(self, name: str) -> Estimate:
        self.sharpened()
        return self.estimates[name]

    def rows(self, name: str, which: RowIndex) -> RowEstimates:
        return self.estimates.rows(name, which)

    def sharpened(self) -> bool:
        if self._is_final:
            return False
        self._is_final = True
        if not _is_vague(self.estimates, self.scale):
            return False
        sharp = self.enclose(SHARP_INTERVALS)
        if not isinstance(sharp, LazyEstimates):
            return False  # sharper products reach a kink that plain products do not
        self.estimates = sharp
        return True


@np.errstate(all="ignore")
def _is_vague(estimates: Mapping[str, Estimate], scale: Callable[[], Mapping[str, Array]]) -> bool:
    """True if some entry is known, but only vaguely; overflow and subdifferentials do not count."""
    if any(estimate.subgradient_radius is not None for estimate in estimates.values()):
        return False
    return any(_has_vague_entry(estimate, name, scale) for name, estimate in estimates.items())


def _has_vague_entry(estimate: Estimate, name: str, scale: Callable[[], Mapping[str, Array]]) -> bool:
    is_vague = np.isfinite(estimate.error) & (
        estimate.error > np.maximum(VAGUE * np.abs(estimate.value), UNDERFLOW)
    )
    return bool(is_vague.any() and (is_vague & (estimate.error > VAGUE * scale()[name])).any())


def _no_penalties(name: str, which: RowIndex) -> tuple[Slope, ...]:
    return ()


def _slopes_of_penalties(
    problem: Problem, precision: Precision | None, name: str, which: RowIndex
) -> list[Slope]:
    _, index, kind = name.split(".")
    layer = problem.parameters[int(index)]
    w = layer.weight if kind == "weight" else layer.bias
    assert w is not None
    return [
        _slope_of_penalty(problem, penalty, w[which], precision)
        for penalty in problem.risk.penalties
        if penalty.biases or kind == "weight"
    ]


def _slope_of_penalty(problem: Problem, penalty: Penalty, w: Array, precision: Precision | None) -> Slope:
    coefficient = penalty.coefficient(problem.batch.size)
    # up to three roundings
    factor = Interval(np.asarray(coefficient), np.asarray(abs(coefficient) * 2.0**-51))
    slope = times(exact(NORMS[penalty.norm].slope(w)), factor)
    at_kink = (w if precision is None else round_to_precision(w, precision)) == 0
    return slope, np.where(at_kink & (penalty.norm == "l1"), abs(coefficient), 0.0)
