"""Ball arithmetic with at least 77 digits (FLINT's arb), which resolves contradictions between oracles.

Derivatives of activations and losses are taken by truncated power series through the textbook formulas,
without the reference's derivatives and stable forms. Sums and products are FLINT's.
"""

from contextlib import suppress
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.formulas import PRECISION_IS_GLOBAL, PowerSeries
from verifier.engine.functions.formulas import function_formula, loss_formula
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Uncertainty

BITS = 256  # 77 digits
MOST_BITS = 4096


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return the gradient by the δ recursion in balls, with more bits until every entry is exact to float64.

    Error: a bound. It is infinite in the layers up to one with a unit exactly at a kink, at weights exactly
    at the kink of an l1 penalty, and where no number of bits is enough (an overflow, or a sign that depends
    on e^−1e20).
    """
    try:
        import flint
    except ImportError as error:
        return Answer({}, Uncertainty.UNKNOWN, reason=f"python-flint cannot be imported: {error}")
    bits = BITS
    with PRECISION_IS_GLOBAL:
        while True:
            estimates = {}
            with flint.ctx.workprec(bits), suppress(ValueError, ZeroDivisionError):
                # dividing by a ball around 0 raises: use more bits
                estimates = _Recursion(flint, problem).gradient()
            sharp = {name: _is_sharp(estimate) for name, estimate in estimates.items()}
            if (estimates and all(map(np.all, sharp.values()))) or bits >= MOST_BITS:
                break
            bits *= 4
    known = {
        name: Estimate(estimate.value, np.where(sharp[name], estimate.error, np.inf))
        for name, estimate in estimates.items()
    }
    return Answer(known, Uncertainty.BOUND, "" if known else f"{MOST_BITS} bits do not tell a divisor from 0")


def _is_sharp(estimate: Estimate) -> Array:
    """True for entries that are known to the last digit of a float64."""
    return np.asarray(estimate.error <= 2.0**-50 * np.abs(estimate.value) + 1e-320)


class _Recursion:
    """One run at FLINT's current precision. Arrays hold arb numbers; matrices are FLINT's."""

    def __init__(self, flint: Any, problem: Problem) -> None:
        self._flint, self._problem = flint, problem
        self._field = PowerSeries(flint)
        self._arb = np.frompyfunc(flint.arb, 1, 1)

    def gradient(self) -> dict[str, Estimate]:
        """Run forward, then backward, and return the gradient by parameter."""
        problem, batch = self._problem, self._problem.batch
        z = [self._arb(batch.inputs)]
        a: list[Array] = []
        derivatives: list[Array | None] = []
        for index, (layer, parameters) in enumerate(
            zip(problem.network.layers, problem.parameters, strict=True)
        ):
            preactivation = self._matmul(z[-1], self._arb(parameters.weight))
            if parameters.bias is not None:
                preactivation = preactivation + self._arb(parameters.bias)
            series = function_formula(layer.activation, self._field, self._series(preactivation, seed=None))
            activation = self._coefficient(series, 0)
            elementwise = layer.activation.derivative is not None
            derivatives.append(self._coefficient(series, 1) if elementwise else None)
            if index in batch.masks:
                activation = activation * self._arb(batch.masks[index])
            a.append(preactivation)
            z.append(activation)

        estimates: dict[str, Estimate] = {}
        at_kink = self._loss_at_kink(z[-1])
        delta = np.empty(0)
        for index in reversed(range(len(problem.parameters))):
            if index == len(problem.parameters) - 1:
                delta = self._output_delta(a, z, derivatives)
            else:
                upstream = self._matmul(delta, self._arb(problem.parameters[index + 1].weight).T)
                delta = self._delta_of(index, a, derivatives, upstream)
            at_kink = at_kink or self._at_kink(index, a[index])
            parameters = problem.parameters[index]
            weight = self._matmul(z[index].T, delta) + self._penalties(parameters.weight, of_bias=False)
            estimates[f"layers.{index}.weight"] = self._estimate(
                weight, parameters.weight, at_kink, of_bias=False
            )
            if parameters.bias is not None:
                bias = delta.sum(axis=0) + self._penalties(parameters.bias, of_bias=True)
                estimates[f"layers.{index}.bias"] = self._estimate(
                    bias, parameters.bias, at_kink, of_bias=True
                )
        return {name: estimates[name] for name in problem.arrays}

    def _series(self, values: Array, seed: int | None) -> Array:
        """Return a + ε in every column (seed None), or only in column `seed`."""
        columns = range(values.shape[-1])
        coefficients = [1 if seed in (None, column) else 0 for column in columns]
        make = np.frompyfunc(lambda x, d: self._flint.arb_series([x, d], prec=2), 2, 1)
        return np.asarray(make(values, np.array(coefficients, dtype=object)))

    def _coefficient(self, series: Array, degree: int) -> Array:
        return np.asarray(np.frompyfunc(lambda s: s[degree], 1, 1)(series))

    def _matmul(self, x: Array, y: Array) -> Array:
        product = self._flint.arb_mat(x.tolist()) * self._flint.arb_mat(y.tolist())
        matrix = np.empty((x.shape[0], y.shape[1]), dtype=object)
        matrix[:] = product.tolist()
        return matrix

    def _output_delta(self, a: list[Array], z: list[Array], derivatives: list[Array | None]) -> Array:
        risk, batch = self._problem.risk, self._problem.batch
        terms, of_preactivation = self._problem.terms, self._problem.of_preactivation
        point = a[-1] if of_preactivation else z[-1]
        targets = batch.targets
        columns = []
        for column in range(targets.shape[-1]):
            series = loss_formula(terms, self._field, self._series(point, seed=column), targets)
            columns.append(self._coefficient(series, 1).sum(axis=-1))
        arb = self._flint.arb
        scale = arb(risk.factor) / (targets.shape[-1] if risk.outputs == "mean" else 1)
        scale = scale / (batch.size if risk.batch == "mean" else 1)
        upstream = np.stack(columns, axis=-1) * scale
        return upstream if of_preactivation else self._delta_of(len(a) - 1, a, derivatives, upstream)

    def _delta_of(
        self, index: int, a: list[Array], derivatives: list[Array | None], upstream: Array
    ) -> Array:
        masks = self._problem.batch.masks
        if index in masks:
            upstream = upstream * self._arb(masks[index])
        slope = derivatives[index]
        if slope is not None:
            return np.asarray(upstream * slope)
        activation = self._problem.network.layers[index].activation
        columns = []
        for column in range(a[index].shape[-1]):
            slopes_of_column = self._coefficient(
                function_formula(activation, self._field, self._series(a[index], seed=column)), 1
            )
            columns.append((slopes_of_column * upstream).sum(axis=-1))
        return np.stack(columns, axis=-1)

    def _at_kink(self, index: int, a: Array) -> bool:
        kinks = self._problem.network.layers[index].activation.kinks
        return any(bool(x == kink.at) for kink in kinks for x in a.ravel())

    def _loss_at_kink(self, outputs: Array) -> bool:
        terms = self._problem.terms
        if terms.kink_distance is None:
            return False
        zero = self._flint.arb(0)
        distances = terms.kink_distance(outputs, self._problem.batch.targets).ravel()
        return any(bool(self._flint.arb(distance).overlaps(zero)) for distance in distances)

    def _penalties(self, w: Array, *, of_bias: bool) -> Any:
        total = self._arb(np.zeros(w.shape))
        for penalty in self._problem.risk.penalties:
            if of_bias and not penalty.biases:
                continue
            size = self._problem.batch.size if penalty.batch == "mean" else 1
            coefficient = self._flint.arb(penalty.strength) * self._flint.arb(penalty.factor) / size
            total = total + coefficient * self._arb(2.0 * w if penalty.norm == "l2" else np.sign(w))
        return total

    def _estimate(self, exact: Array, w: Array, at_kink: bool, *, of_bias: bool) -> Estimate:
        value = np.frompyfunc(lambda x: float(x.mid()), 1, 1)(exact).astype(float)
        radius = np.frompyfunc(lambda x: float(x.rad().upper()), 1, 1)(exact).astype(float)
        with np.errstate(all="ignore"):
            error = radius * (1 + 2.0**-50) + 2.0**-53 * np.abs(value) + 2.0**-1074
        for penalty in self._problem.risk.penalties:
            if penalty.norm == "l1" and (penalty.biases or not of_bias):
                error = np.where(w == 0, np.inf, error)
        if at_kink:
            error = np.full(value.shape, np.inf)
        return Estimate(value, np.where(np.isfinite(value) & np.isfinite(error), error, np.inf))
