"""Backpropagation in float32: the rounding errors of correct programs on this very problem.

`rounding_allowance` estimates the error for every order of summation, so it can exceed the errors of actual
programs many times. A run rounds every product, sum and function value to float32. It adds a random error to
each value and vector-Jacobian product of a function, because a textbook formula loses more than one rounding
(`value_roundoff`, `vjp_roundoff`). Equal numbers get equal errors, as in a program.
"""

from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import penalty_gradient
from reference_impl.network import LayerParameters, Trace
from reference_impl.problem import Problem
from verifier.engine.functions.loss_properties import loss_properties
from verifier.engine.functions.numerical_properties import numerical_properties
from verifier.engine.lazy_products import LazyArrays, RowIndex
from verifier.problem.precision import PRECISIONS

RUNS = 4  # each with other errors of the formulas; every second one sums in reverse
FORMULA_ERROR = 0.3  # standard deviation, in units of the roundoff of the textbook formula
_UNIT = PRECISIONS["float32"].unit_roundoff
_HASH = 0x9E3779B97F4A7C15  # 2⁶⁴ over the golden ratio, for multiplicative hashing


class Float32Gradient(LazyArrays):
    """The gradient of one run, in float32, computed rows at a time.

    z, delta: by layer, (N, in) and (N, out), in the order of summation.
    """

    def __init__(
        self, problem: Problem, z: list[Array], delta: list[Array], penalties: list[LayerParameters] | None
    ) -> None:
        super().__init__(list(problem.arrays))
        self._z, self._delta, self._penalties = z, delta, penalties

    def rows(self, name: str, which: RowIndex) -> Array:
        z, delta = self._operands(name)
        gradient = z.T[which] @ delta if z is not None else np.ones(len(delta), np.float32) @ delta
        return self._with_penalty(name, gradient, which)

    def _whole(self, name: str) -> Array:
        return self.rows(name, ...)

    def summed_in_a_loop(self, name: str, entries: tuple[Array, ...]) -> Array:
        """Return some entries of a parameter's gradient, summed over the examples one after the other."""
        z, delta = self._operands(name)
        terms = delta[:, entries[0]] if z is None else z[:, entries[0]] * delta[:, entries[1]]
        total = np.add.accumulate(terms, axis=0)[-1]  # `sum` would add pairwise
        return self._with_penalty(name, total, entries)

    def _operands(self, name: str) -> tuple[Array | None, Array]:
        """Return z and δ of a weight's gradient, None and δ of a bias's."""
        _, index, kind = name.split(".")
        return self._z[int(index)] if kind == "weight" else None, self._delta[int(index)]

    def _with_penalty(self, name: str, gradient: Array, which: RowIndex | tuple[Array, ...]) -> Array:
        if self._penalties is None:
            return np.asarray(gradient)
        _, index, kind = name.split(".")
        layer = self._penalties[int(index)]
        penalty = layer.weight if kind == "weight" else layer.bias
        return gradient if penalty is None else gradient + penalty[which].astype(np.float32)


@np.errstate(all="ignore")  # overflow leaves infinities and NaN
def float32_run(problem: Problem, trace: Trace, number: int) -> Float32Gradient:
    """Return the gradient of run `number`, from 0. trace: the forward pass in float64."""
    return _Run(problem, trace, number % 2 == 1, 2 * number + 1).gradient()


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One forward and backward pass. salt: an odd number that the errors of formulas depend on."""

    problem: Problem
    trace: Trace
    is_reversed: bool
    salt: int

    def gradient(self) -> Float32Gradient:
        problem = self.problem
        weights = [layer.weight.astype(np.float32) for layer in problem.parameters]
        a: list[Array] = []
        z = [problem.batch.inputs.astype(np.float32)]
        for index, parameters in enumerate(problem.parameters):
            product = self._product(z[-1], weights[index])
            bias = parameters.bias
            a.append(product if bias is None else product + bias.astype(np.float32))
            z.append(self._output(index, a[-1]))
        last = len(weights) - 1
        delta = [self._output_delta(a[-1], z[-1])]
        for index in reversed(range(last)):
            upstream = self._product(delta[-1], weights[index + 1].T)
            delta.append(self._through_activation(index, a[index], upstream))
        step = -1 if self.is_reversed else 1
        layers = range(len(weights))
        penalties = (
            [penalty_gradient(problem, self.trace, index) for index in layers]
            if problem.risk.penalties
            else None
        )
        return Float32Gradient(
            problem, [x[::step] for x in z[:-1]], [x[::step] for x in delta[::-1]], penalties
        )

    def _product(self, x: Array, y: Array) -> Array:
        return np.asarray(x[:, ::-1] @ y[::-1] if self.is_reversed else x @ y)

    def _output(self, index: int, a: Array) -> Array:
        activation, masks = self.problem.network.layers[index].activation, self.problem.batch.masks
        z = a
        if activation.name != "identity":
            properties, point = numerical_properties(activation), a.astype(np.float64)
            error = _UNIT * properties.value_roundoff(point)
            if properties.library_error is not None:
                error = error + properties.library_error(point)
            z = self._rounded(activation.forward(point), error)
        return z * masks[index].astype(np.float32) if index in masks else z

    def _output_delta(self, a: Array, outputs: Array) -> Array:
        problem, last = self.problem, len(self.problem.parameters) - 1
        terms, of_preactivation = problem.terms, problem.of_preactivation
        targets = problem.batch.targets.astype(np.float32).astype(np.float64)
        point = (a if of_preactivation else outputs).astype(np.float64)
        scale = problem.output_scale * problem.example_scale
        error = _UNIT * loss_properties(terms).gradient_roundoff(point, targets)
        upstream = self._rounded(terms.gradient(point, targets), error) * np.float32(scale)
        return upstream if of_preactivation else self._through_activation(last, a, upstream)

    def _through_activation(self, index: int, a: Array, upstream: Array) -> Array:
        activation, masks = self.problem.network.layers[index].activation, self.problem.batch.masks
        if index in masks:
            upstream = upstream * masks[index].astype(np.float32)
        if activation.name == "identity":
            return upstream
        properties, point, upstream = (
            numerical_properties(activation),
            a.astype(float),
            upstream.astype(float),
        )
        error = _UNIT * properties.vjp_roundoff(point, upstream)
        if properties.derivative_library_error is not None:
            error = error + np.abs(upstream) * properties.derivative_library_error(point)
        return self._rounded(activation.vjp(point, upstream), error)

    def _rounded(self, values: Array, error: Array) -> Array:
        """Return the values in float32 with an error of a formula, which depends on the value alone."""
        bits = np.ascontiguousarray(values).view(np.uint64)
        hashed = (bits * np.uint64(_HASH * self.salt % 2**64)) >> np.uint64(40)  # 24 bits
        uniform = hashed / 2.0**23 - 1.0
        return np.asarray(values + FORMULA_ERROR * np.sqrt(3.0) * uniform * error).astype(np.float32)
