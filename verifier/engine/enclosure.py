"""Enclose the gradient of layers: values, bounds, and the subdifferential at kinks."""

from collections.abc import Mapping, Sequence

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import NORMS, Penalty
from reference_impl.network import named
from reference_impl.problem import Problem, terms_of_last_layer
from verifier.engine.estimate import Estimate
from verifier.engine.functions.loss_properties import loss_properties
from verifier.engine.interval_functions import value, vjp
from verifier.engine.intervals import (
    Factors,
    Interval,
    Product,
    affine,
    exact,
    factors,
    plus,
    sharp_factors,
    times,
    total,
    transposed_product,
)
from verifier.engine.lazy_products import ALL, LazyEstimates, RowEstimates, RowIndex
from verifier.problem.precision import Precision, round_to_precision

VAGUE = 1e-6  # relative to an entry's scale; a larger error decides little and is worth a sharper run
UNDERFLOW = 2.0**-1000  # errors caused by underflow do not count as vague

Kinks = Sequence[Array]


@np.errstate(all="ignore")
def enclose_forward(problem: Problem, product: Product = factors) -> tuple[list[Interval], list[Interval]]:
    """Return enclosures of a and z of every layer; z starts with the inputs, which are exact.

    product: `factors`, or `sharp_factors` if that is too wide.
    """
    a: list[Interval] = []
    z: list[Interval] = [exact(problem.batch.inputs)]
    for index, (layer, parameters) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        preactivation = affine(z[-1], parameters.weight, parameters.bias, product)
        a.append(preactivation)
        output = value(layer.activation, preactivation)
        if index in problem.batch.masks:
            output = times(output, exact(problem.batch.masks[index]))
        z.append(output)
    return a, z


def reached_kinks(problem: Problem, a: Sequence[Interval]) -> list[Array]:
    """Return by layer a mask, (N, out), of enclosed pre-activations that contain a kink."""
    masks = []
    for layer, interval in zip(problem.network.layers, a, strict=True):
        mask = np.zeros(interval.middle.shape, dtype=bool)
        for kink in layer.activation.kinks:
            mask |= ~(np.abs(interval.middle - kink.at) > interval.radius)
        masks.append(mask)
    return masks


@np.errstate(all="ignore")
def enclose_deltas(
    problem: Problem,
    a: Sequence[Interval],
    z: Sequence[Interval],
    kinks: Kinks | None = None,
    product: Product = factors,
) -> list[Interval]:
    """Return enclosures of δ = ∂R/∂a of every layer, of the data's loss without penalties.

    kinks: units and examples for which every slope of the subdifferential counts; the result then encloses
    the Clarke subdifferential. Without it each unit is taken on the side that float64 computes.
    """
    deltas = [_output_delta(problem, a, z, kinks)]
    for index in reversed(range(len(problem.parameters) - 1)):
        upstream = affine(deltas[-1], problem.parameters[index + 1].weight.T, None, product)
        deltas.append(_delta_of(problem, index, a, upstream, kinks))
    return deltas[::-1]


@np.errstate(all="ignore")
def enclose_gradient(
    problem: Problem,
    a: Sequence[Interval],
    z: Sequence[Interval],
    kinks: Kinks | None = None,
    product: Product = factors,
) -> dict[str, Interval]:
    """Return enclosures of ∂R/∂w of the data's loss, by parameter; see `enclose_deltas`."""
    gradients: dict[str, Interval] = {}
    for index, delta in enumerate(enclose_deltas(problem, a, z, kinks, product)):
        gradients[f"layers.{index}.weight"] = transposed_product(z[index], delta, product).rows(ALL)
        if problem.parameters[index].bias is not None:
            gradients[f"layers.{index}.bias"] = total(delta, axis=0)
    return gradients


def _delta_of(
    problem: Problem, index: int, a: Sequence[Interval], upstream: Interval, kinks: Kinks | None
) -> Interval:
    if index in problem.batch.masks:
        upstream = times(upstream, exact(problem.batch.masks[index]))
    activation = problem.network.layers[index].activation
    return vjp(activation, a[index], upstream, None if kinks is None else kinks[index])


def _output_delta(
    problem: Problem, a: Sequence[Interval], z: Sequence[Interval], kinks: Kinks | None
) -> Interval:
    risk, batch = problem.risk, problem.batch
    terms, of_preactivation = terms_of_last_layer(problem)
    scale = risk.output_scale(batch.targets.shape[-1]) * risk.example_scale(batch.size)
    factor = Interval(np.asarray(scale), np.asarray(abs(scale) * 2.0**-51))  # up to three roundings
    point = a[-1] if of_preactivation else z[-1]
    slope = times(loss_properties(terms).enclose_gradient(point, batch.targets), factor)
    return slope if of_preactivation else _delta_of(problem, len(a) - 1, a, slope, kinks)


def enclosed(
    problem: Problem,
    kinks: Sequence[Array],
    precision: Precision | None = None,
    product: Product = factors,
) -> Mapping[str, Estimate]:
    """Return an enclosure of the gradient, with every slope at kinks.

    kinks: masks by layer, joined with the kinks that an enclosed pre-activation reaches.
    precision: weights that round to 0 in it are at the kink of an l1 penalty. product: see `enclose_forward`.
    """
    with np.errstate(all="ignore"):
        a, z = enclose_forward(problem, product)
        masks = zip(reached_kinks(problem, a), kinks, strict=True)
        reached = [mask | other for mask, other in masks]
        at_kinks = any(mask.any() for mask in reached)
        if not at_kinks and all(penalty.norm != "l1" for penalty in problem.risk.penalties):
            return _LazyEnclosure(problem, z, enclose_deltas(problem, a, z, None, product), product)
        enclosures = enclose_gradient(problem, a, z, None, product)
        widened = enclose_gradient(problem, a, z, reached, product) if at_kinks else enclosures
        return {
            name: _estimate(problem, name, enclosures[name], widened[name], precision)
            for name, _ in named(problem.parameters)
        }


def refined_enclosure(
    problem: Problem, kinks: Sequence[Array], scale: Mapping[str, Array]
) -> Mapping[str, Estimate]:
    """Return `enclosed`, recomputed with sharper products where it is vague in proportion to the scale."""
    estimates = enclosed(problem, kinks)
    if isinstance(estimates, LazyEstimates):
        return _RefinableEstimates(problem, kinks, scale, estimates)
    if _is_vague(estimates, scale):
        return enclosed(problem, kinks, product=sharp_factors)
    return estimates


class _RefinableEstimates(LazyEstimates):
    """Estimates from plain products, replaced on demand by those from sharper products if they are vague."""

    def __init__(
        self, problem: Problem, kinks: Sequence[Array], scale: Mapping[str, Array], plain: LazyEstimates
    ) -> None:
        super().__init__(plain.names)
        self._problem, self._kinks, self._scale, self._estimates = problem, kinks, scale, plain
        self._is_final = False

    def _whole(self, name: str) -> Estimate:
        self.sharpened()
        return self._estimates[name]

    def rows(self, name: str, which: RowIndex) -> RowEstimates:
        return self._estimates.rows(name, which)

    def sharpened(self) -> bool:
        if self._is_final:
            return False
        self._is_final = True
        if not _is_vague(self._estimates, self._scale):
            return False
        sharp = enclosed(self._problem, self._kinks, product=sharp_factors)
        if not isinstance(sharp, LazyEstimates):
            return False  # sharper products reach a kink that plain products do not
        self._estimates = sharp
        return True


@np.errstate(all="ignore")
def _is_vague(estimates: Mapping[str, Estimate], scale: Mapping[str, Array]) -> bool:
    """True if some entry is known, but only vaguely; overflow and subdifferentials do not count."""
    if any(estimate.subgradient_radius is not None for estimate in estimates.values()):
        return False
    return any(_has_vague_entry(estimate, name, scale) for name, estimate in estimates.items())


def _has_vague_entry(estimate: Estimate, name: str, scale: Mapping[str, Array]) -> bool:
    is_vague = np.isfinite(estimate.error) & (
        estimate.error > np.maximum(VAGUE * np.abs(estimate.value), UNDERFLOW)
    )
    return bool(is_vague.any() and (is_vague & (estimate.error > VAGUE * scale[name])).any())


class _LazyEnclosure(LazyEstimates):
    """The gradient of a risk away from kinks, whose penalties have none, computed rows at a time."""

    def __init__(
        self, problem: Problem, z: Sequence[Interval], deltas: Sequence[Interval], product: Product
    ) -> None:
        super().__init__([name for name, _ in named(problem.parameters)])
        self._problem, self._z, self._deltas, self._product = problem, z, deltas, product
        self._cached_factors: dict[str, Factors] = {}

    def _whole(self, name: str) -> Estimate:
        return _estimate_of(self._interval(name, ALL))

    def rows(self, name: str, which: RowIndex) -> RowEstimates:
        interval = self._interval(name, which)
        return RowEstimates(interval.middle, interval.radius)

    def _interval(self, name: str, which: RowIndex) -> Interval:
        _, index, kind = name.split(".")
        weight = kind == "weight"
        interval = self._factors_of(name).rows(which) if weight else total(self._deltas[int(index)], axis=0)
        for penalty in self._problem.risk.penalties:
            if weight or penalty.biases:
                layer = self._problem.parameters[int(index)]
                w = layer.weight if weight else layer.bias
                assert w is not None
                interval = plus(interval, _slope_of_penalty(self._problem, penalty, w[which], None)[0])
        return interval

    def _factors_of(self, name: str) -> Factors:
        if name not in self._cached_factors:
            index = int(name.split(".")[1])
            z, delta = self._z[index], self._deltas[index]
            self._cached_factors[name] = transposed_product(z, delta, self._product)
        return self._cached_factors[name]


def _estimate_of(interval: Interval) -> Estimate:
    """Return the middle and its error, infinite where either is not finite."""
    if _is_finite(interval):
        return Estimate(interval.middle, interval.radius)
    known = np.isfinite(interval.middle) & np.isfinite(interval.radius)
    return Estimate(interval.middle, np.where(known, interval.radius, np.inf))


def _estimate(
    problem: Problem, name: str, interval: Interval, widened: Interval, precision: Precision | None
) -> Estimate:
    _, index, kind = name.split(".")
    layer = problem.parameters[int(index)]
    w = layer.weight if kind == "weight" else layer.bias
    assert w is not None
    subgradient_radius = np.zeros(w.shape)
    for penalty in (p for p in problem.risk.penalties if p.biases or kind == "weight"):
        slope, half_width = _slope_of_penalty(problem, penalty, w, precision)
        interval, widened = plus(interval, slope), plus(widened, slope)
        subgradient_radius = subgradient_radius + half_width
    if widened is not interval:
        # the hull of both, about its own middle; the numerical error stays that of the first
        low = np.minimum(interval.middle - interval.radius, widened.middle - widened.radius)
        high = np.maximum(interval.middle + interval.radius, widened.middle + widened.radius)
        at_kink = (high - low) > 4.0 * interval.radius
        middle = np.where(at_kink, 0.5 * (low + high), interval.middle)
        subgradient_radius = subgradient_radius + np.where(
            at_kink, 0.5 * (high - low) + 2.0**-51 * np.abs(middle), 0.0
        )
        interval = Interval(middle, interval.radius)
    known = np.isfinite(interval.middle) & np.isfinite(interval.radius) & np.isfinite(subgradient_radius)
    error = np.where(known, interval.radius, np.inf)
    return Estimate(interval.middle, error, subgradient_radius if subgradient_radius.any() else None)


def _is_finite(interval: Interval) -> bool:
    return bool(np.isfinite(interval.middle).all() and np.isfinite(interval.radius).all())


def _slope_of_penalty(
    problem: Problem, penalty: Penalty, w: Array, precision: Precision | None
) -> tuple[Interval, Array]:
    """Return an enclosure of a penalty's gradient, and the half width of its subdifferential."""
    coefficient = penalty.coefficient(problem.batch.size)
    factor = Interval(
        np.asarray(coefficient), np.asarray(abs(coefficient) * 2.0**-51)
    )  # up to three roundings
    slope = times(exact(NORMS[penalty.norm].slope(w)), factor)
    at_kink = (w if precision is None else round_to_precision(w, precision)) == 0
    half_width = np.where(at_kink & (penalty.norm == "l1"), abs(coefficient), 0.0)
    return slope, half_width
