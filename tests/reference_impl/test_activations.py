import math
from dataclasses import dataclass, field

import mpmath
import numpy as np
import pytest
import torch

import reference_impl.graph as graph
from reference_impl import ACTIVATIONS, LOSSES, Kink, activation
from reference_impl.activations import elementwise
from reference_impl.problem_graph import function_node
from reference_impl.softmax import log_softmax
from verifier.engine.formulas import COMPLEX
from verifier.engine.functions.formulas import function_formula, loss_formula
from verifier.engine.functions.numerical_properties import numerical_properties
from verifier.engine.functions.softmax_properties import log_softmax_vjp_variance
from verifier.engine.functions.torch_twins import function_in_torch

MAGNITUDES = [1e-300, 1e-20, 1e-8, 1e-3, 0.3, 1.0, 3.0, 10.0, 20.0, 30.0, 37.0, 40.0, 100.0, 700.0]
POINTS = np.array([*(-m for m in reversed(MAGNITUDES)), *MAGNITUDES])
MODERATE = POINTS[np.abs(POINTS) <= 40.0]
ULP = 2.0**-52


def exact_sigmoid(a):
    return 1 / (1 + mpmath.exp(-a))


@dataclass(frozen=True)
class ActivationRow:
    """An activation, its definition and derivative in 50 digits, and how far ours may be from them."""

    name: str
    exact: object
    exact_derivative: object
    tolerance: float
    derivative_tolerance: float
    options: dict = field(default_factory=dict)

    @property
    def ours(self):
        return activation(self.name, **self.options)

    def __str__(self):
        return self.name + "".join(f"-{key}-{value}" for key, value in self.options.items())


def leaky(slope):
    return ActivationRow(
        "leaky_relu",
        lambda a: a if a > 0 else mpmath.mpf(slope) * a,
        lambda a: 1 if a > 0 else mpmath.mpf(slope),
        ULP,
        0.0,
        {"slope": slope},
    )


def elu(alpha):
    return ActivationRow(
        "elu",
        lambda a: a if a > 0 else alpha * mpmath.expm1(a),
        lambda a: 1 if a > 0 else alpha * mpmath.exp(a),
        4 * ULP,
        4 * ULP,
        {"alpha": alpha},
    )


SCALE, ALPHA = mpmath.mpf(1.0507009873554805), mpmath.mpf(1.6732632423543772)


ROOT = mpmath.mpf(math.sqrt(2 / math.pi))  # of float64, as in programs


def tanh_inner(a):
    return ROOT * (a + mpmath.mpf(0.044715) * a**3)


def tanh_inner_slope(a):
    return ROOT * (1 + 3 * mpmath.mpf(0.044715) * a**2)


ROWS = [
    ActivationRow("identity", lambda a: a, lambda a: 1, 0.0, 0.0),
    ActivationRow("sigmoid", exact_sigmoid, lambda a: mpmath.sech(a / 2) ** 2 / 4, 4 * ULP, 6 * ULP),
    # sech² squares the rounding of one exponential
    ActivationRow("tanh", mpmath.tanh, lambda a: mpmath.sech(a) ** 2, 4 * ULP, 6 * ULP),
    ActivationRow("relu", lambda a: max(a, 0), lambda a: int(a > 0), 0.0, 0.0),
    leaky(0.01),
    leaky(0.3),
    leaky(-0.5),
    elu(1.0),
    elu(0.5),
    elu(2.0),
    ActivationRow("softplus", lambda a: mpmath.log1p(mpmath.exp(a)), exact_sigmoid, 4 * ULP, 4 * ULP),
    # exp(-a²/2) magnifies the rounding of a²/2 and of a/√2: at most a² = 1400 units before it underflows
    ActivationRow(
        "gelu",
        lambda a: a * mpmath.ncdf(a),
        lambda a: mpmath.ncdf(a) + a * mpmath.npdf(a),
        2000 * ULP,
        2000 * ULP,
    ),
    ActivationRow(
        "silu",
        lambda a: a * exact_sigmoid(a),
        lambda a: exact_sigmoid(a) * (1 + a / (1 + mpmath.exp(a))),
        6 * ULP,
        8 * ULP,
    ),
    ActivationRow(
        "selu",
        lambda a: SCALE * (a if a > 0 else ALPHA * mpmath.expm1(a)),
        lambda a: SCALE * (1 if a > 0 else ALPHA * mpmath.exp(a)),
        6 * ULP,
        6 * ULP,
    ),
    # e^(-w) magnifies the rounding of w, up to 745 where it underflows
    ActivationRow(
        "gelu_tanh",
        lambda a: a * exact_sigmoid(2 * tanh_inner(a)),
        lambda a: (
            exact_sigmoid(2 * tanh_inner(a))
            + a * 2 * tanh_inner_slope(a) * mpmath.sech(tanh_inner(a)) ** 2 / 4
        ),
        4000 * ULP,
        9000 * ULP,
    ),
    ActivationRow(
        "mish",
        lambda a: a * mpmath.tanh(mpmath.log1p(mpmath.exp(a))),
        lambda a: (
            mpmath.tanh(mpmath.log1p(mpmath.exp(a)))
            + a * mpmath.sech(mpmath.log1p(mpmath.exp(a))) ** 2 * exact_sigmoid(a)
        ),
        10 * ULP,
        20 * ULP,
    ),
    ActivationRow("hardtanh", lambda a: min(max(a, -1), 1), lambda a: int(-1 < a <= 1), 0.0, 0.0),
    ActivationRow(
        "hardswish",
        lambda a: a * min(max(a + 3, 0), 6) / 6,
        lambda a: 0 if a <= -3 else (2 * a + 3) / 6 if a <= 3 else 1,
        4 * ULP,
        4 * ULP,
    ),
    ActivationRow("softsign", lambda a: a / (1 + abs(a)), lambda a: 1 / (1 + abs(a)) ** 2, 2 * ULP, 4 * ULP),
    ActivationRow(
        "log_sigmoid",
        lambda a: -mpmath.log1p(mpmath.exp(-a)),
        lambda a: exact_sigmoid(-a),
        4 * ULP,
        4 * ULP,
    ),
]
each_row = pytest.mark.parametrize("row", ROWS, ids=str)


def ids_of(ours):
    return ours.name + "".join(f"-{key}-{value}" for key, value in ours.options.items())


# these act on rows, so the points stand four in a row
OF_ROWS = ("softmax", "log_softmax")
each_activation = pytest.mark.parametrize(
    "ours", [*(row.ours for row in ROWS), *map(activation, OF_ROWS)], ids=ids_of
)


def rows_of_4(points):
    return points[: len(points) // 4 * 4].reshape(-1, 4)


def entrywise(function):
    return np.frompyfunc(function, 1, 1)


def test_every_row_of_the_table_is_tested_here():
    assert {row.name for row in ROWS} | set(OF_ROWS) == set(ACTIVATIONS)


class TestActivationsAgainstFiftyDigits:
    @each_row
    def test_the_value_agrees_with_fifty_digits(self, row, many_digits):
        exact = entrywise(row.exact)(many_digits.array(POINTS))
        many_digits.assert_close(row.ours.forward(POINTS), exact, row.tolerance)

    @each_row
    def test_the_derivative_agrees_with_fifty_digits(self, row, many_digits):
        exact = entrywise(row.exact_derivative)(many_digits.array(POINTS))
        many_digits.assert_close(row.ours.derivative(POINTS), exact, row.derivative_tolerance)

    @each_row
    def test_the_derivative_pulled_back_from_above(self, row, many_digits):
        upstream = np.linspace(-1.5, 2.0, POINTS.size)
        exact = entrywise(row.exact_derivative)(many_digits.array(POINTS)) * many_digits.array(upstream)
        actual = row.ours.vjp(POINTS, upstream)
        many_digits.assert_close(actual, exact, row.derivative_tolerance + ULP)

    @each_row
    def test_the_derivative_belongs_to_the_value(self, row):
        """The table above is checked as well: one column against the other, by mpmath's differences."""
        with mpmath.workdps(50):
            for a in (-2.5, -0.3, 0.3, 2.5):
                numerical = mpmath.diff(row.exact, mpmath.mpf(a))
                assert abs(numerical - row.exact_derivative(mpmath.mpf(a))) < mpmath.mpf("1e-20")

    @each_row
    def test_the_formula_is_the_same_function(self, row, many_digits):
        a = many_digits.array(POINTS)
        actual, exact = function_formula(row.ours, many_digits, a), entrywise(row.exact)(a)
        # 50 digits less those of 1 + e^-700, which no textbook formula keeps
        assert all(
            abs(f - e) <= mpmath.mpf("1e-45") * max(1, abs(e)) for f, e in zip(actual, exact, strict=True)
        )

    @pytest.mark.parametrize(
        ("terms", "target", "exact", "exact_derivative"),
        [
            (
                LOSSES["cross_entropy"].of_preactivation["sigmoid"],
                1.0,
                lambda a: -mpmath.log1p(mpmath.exp(-a)),
                lambda a: 1 / (1 + mpmath.exp(a)),
            ),
            (
                LOSSES["binary_cross_entropy"].on["logits"],
                0.0,
                lambda a: -mpmath.log1p(mpmath.exp(a)),
                lambda a: -exact_sigmoid(a),
            ),
        ],
        ids=["log", "log of the complement"],
    )
    def test_the_logarithms_of_the_sigmoid_and_of_its_complement(
        self, terms, target, exact, exact_derivative, many_digits
    ):
        a, y = many_digits.array(POINTS), np.full_like(POINTS, target)
        many_digits.assert_close(-terms.value(POINTS, y), entrywise(exact)(a), 4 * ULP)
        many_digits.assert_close(-terms.gradient(POINTS, y), entrywise(exact_derivative)(a), 4 * ULP)
        formula = -loss_formula(terms, many_digits, a, y)
        gaps = [abs(f - e) for f, e in zip(formula, entrywise(exact)(a), strict=True)]
        assert max(gaps) < mpmath.mpf("1e-45")


def value_roundoff(ours, a):
    return numerical_properties(ours).value_roundoff(a)


def vjp_roundoff(ours, a, u):
    return numerical_properties(ours).vjp_roundoff(a, u)


class TestOtherActivationFormulas:
    """Each may err by the roundoff of the textbook formula and a few units in the last place."""

    @staticmethod
    def assert_within(actual, expected, roundoff):
        np.testing.assert_array_less(
            np.abs(actual - expected), 4 * ULP * (roundoff + np.abs(expected)) + 1e-300
        )

    @staticmethod
    def upstream(a):
        return np.linspace(-1.5, 2.0, a.size).reshape(a.shape)

    @each_activation
    def test_the_formula_over_the_reals_agrees(self, ours):
        a = rows_of_4(MODERATE)
        self.assert_within(
            function_formula(ours, COMPLEX, a).real,
            ours.forward(a),
            value_roundoff(ours, a),
        )

    @each_activation
    def test_the_formula_over_the_complex_numbers_has_the_derivative_in_it(self, ours):
        a, u, h = rows_of_4(MODERATE), self.upstream(rows_of_4(MODERATE)), 1e-30
        self.assert_within(
            function_formula(ours, COMPLEX, a + 0j).real,
            ours.forward(a),
            value_roundoff(ours, a),
        )
        slope = np.empty_like(a)
        for k in range(a.shape[1]):
            moved = a + 1j * h * (np.arange(a.shape[1]) == k)
            slope[:, k] = (u * function_formula(ours, COMPLEX, moved)).imag.sum(axis=-1) / h
        exact = ours.vjp(a, u)
        self.assert_within(slope, exact, 10 * vjp_roundoff(ours, a, u) + 50 * np.abs(exact))

    @staticmethod
    def with_slopes_at_kinks(ours, a, slopes, u):
        """Return our vjp, with the other program's slope at kinks beside 0, where both are right."""
        return np.where(np.isin(a, [kink.at for kink in ours.kinks if kink.at]), slopes, ours.vjp(a, u))

    @each_activation
    def test_torch_agrees(self, ours):
        a, u = rows_of_4(MODERATE), self.upstream(rows_of_4(MODERATE))
        leaf = torch.tensor(a, requires_grad=True)
        outputs = function_in_torch(ours, torch, leaf)
        (slope,) = torch.autograd.grad(outputs, leaf, torch.tensor(u))
        self.assert_within(outputs.detach().numpy(), ours.forward(a), value_roundoff(ours, a))
        right = self.with_slopes_at_kinks(ours, a, slope.numpy(), u)
        self.assert_within(slope.numpy(), right, vjp_roundoff(ours, a, u))

    @each_activation
    def test_the_computation_graph_agrees(self, ours):
        a, u = rows_of_4(MODERATE), self.upstream(rows_of_4(MODERATE))
        leaf = graph.Parameter(a)
        node = function_node(ours, leaf)
        whole = graph.StaticGraph(graph.Sum()(node * u))
        whole.forward()
        whole.backward()
        self.assert_within(node.value, ours.forward(a), value_roundoff(ours, a))
        right = self.with_slopes_at_kinks(ours, a, whole.gradient(leaf), u)
        self.assert_within(whole.gradient(leaf), right, vjp_roundoff(ours, a, u))


class TestActivationVariance:
    """Var(f(x)) = Σⱼ (∂f/∂xⱼ)² Var(xⱼ) to first order; the Jacobians are those of torch.

    Tolerance: 1e-12 of the largest entry, for torch's 1 - z² and like formulas.
    """

    ROWS = np.array([[-1.3, 0.2, 2.1], [0.7, -0.4, -2.6]])
    UPSTREAM = np.array([[0.5, -1.25, 2.0], [1.5, 0.3, -0.8]])
    OF_A = np.array([[1.0, 0.25, 4.0], [0.5, 2.0, 0.125]])
    OF_UPSTREAM = np.array([[0.3, 1.0, 0.1], [2.0, 0.7, 0.4]])

    @staticmethod
    def propagated_variance(function, at, variance):
        jacobian = torch.autograd.functional.jacobian(function, torch.tensor(at)).numpy()
        return jacobian**2 @ variance

    @staticmethod
    def vjp(function, u):
        def vjp(a):
            if not a.requires_grad:
                a = a.clone().requires_grad_(True)
            value = (function(a) * u).sum()
            return torch.autograd.grad(value, a, create_graph=True)[0] if value.requires_grad else 0 * a

        return vjp

    @each_activation
    def test_the_variance_of_the_value_is_propagated(self, ours):
        for a, of_a in zip(self.ROWS, self.OF_A, strict=True):
            expected = self.propagated_variance(lambda x: function_in_torch(ours, torch, x), a, of_a)
            variance = numerical_properties(ours).value_variance(a[None], of_a[None])[0]
            np.testing.assert_allclose(variance, expected, rtol=0, atol=1e-12 * expected.max())

    @each_activation
    def test_the_variance_of_the_vjp_is_propagated(self, ours):
        cases = zip(self.ROWS, self.UPSTREAM, self.OF_UPSTREAM, self.OF_A, strict=True)
        for a, u, of_u, of_a in cases:
            g = lambda x: function_in_torch(ours, torch, x)  # noqa: E731
            through_a = self.propagated_variance(self.vjp(g, torch.tensor(u)), a, of_a)
            through_u = self.propagated_variance(lambda v, a=a, g=g: self.vjp(g, v)(torch.tensor(a)), u, of_u)
            expected = through_a + through_u
            variance = numerical_properties(ours).vjp_variance(a[None], u[None], of_u[None], of_a[None])[0]
            np.testing.assert_allclose(variance, expected, rtol=0, atol=1e-12 * expected.max())

    def test_the_variance_of_the_vjp_of_log_softmax_is_propagated(self):
        for a, u, of_a in zip(self.ROWS, self.UPSTREAM, self.OF_A, strict=True):
            vjp = self.vjp(lambda x: torch.log_softmax(x, dim=-1), torch.tensor(u))
            expected = self.propagated_variance(vjp, a, of_a)
            variance = log_softmax_vjp_variance(a[None], u[None], of_a[None])[0]
            np.testing.assert_allclose(variance, expected, rtol=0, atol=1e-12 * expected.max())


class TestKinks:
    GRID = np.linspace(-20.0, 20.0, 40_000)  # of spacing 0.001; 0 is not on it
    JUMP = 0.004  # no |g″| of the table exceeds 2, so smooth change between neighbours stays below 0.002

    def jumps_of(self, derivative):
        slopes = derivative(self.GRID)
        kinks = []
        for index in np.flatnonzero(np.abs(np.diff(slopes)) > self.JUMP):
            below, above = self.GRID[index], self.GRID[index + 1]
            for _ in range(60):
                middle = 0.5 * (below + above)
                nearer_left = abs(derivative(np.array(middle)) - slopes[index]) < abs(
                    derivative(np.array(middle)) - slopes[index + 1]
                )
                below, above = (middle, above) if nearer_left else (below, middle)
            kinks.append(
                (below, *(float(derivative(np.array(side))) for side in (below - 1e-9, above + 1e-9)))
            )
        return kinks

    @each_row
    def test_the_derivative_jumps_at_the_declared_kinks_and_nowhere_else(self, row):
        jumps = self.jumps_of(row.ours.derivative)
        declared = [(kink.at, kink.left, kink.right) for kink in row.ours.kinks]
        assert len(jumps) == len(declared)
        np.testing.assert_allclose(jumps, declared, rtol=0, atol=1e-8)  # slopes are read 1e-9 beside the kink

    @pytest.mark.parametrize(
        ("name", "options", "kinks"),
        [
            ("relu", {}, (Kink(0.0, 0.0, 1.0),)),
            ("leaky_relu", {}, (Kink(0.0, 0.01, 1.0),)),
            ("leaky_relu", {"slope": 0.3}, (Kink(0.0, 0.3, 1.0),)),
            ("leaky_relu", {"slope": 1.0}, ()),  # a straight line
            ("elu", {}, ()),  # both slopes are 1 at 0
            ("elu", {"alpha": 2.0}, (Kink(0.0, 2.0, 1.0),)),
            ("tanh", {}, ()),
        ],
        ids=str,
    )
    def test_options_move_the_kinks(self, name, options, kinks):
        assert activation(name, **options).kinks == kinks

    def test_the_scan_finds_a_kink_that_nobody_declared(self):
        hard_tanh_slope = lambda a: np.where(np.abs(a) < 1.0, 1.0, 0.0)  # noqa: E731
        assert [round(kink[0], 6) for kink in self.jumps_of(hard_tanh_slope)] == [-1.0, 1.0]

    @pytest.mark.parametrize("row", [row for row in ROWS if row.ours.kinks], ids=str)
    def test_the_derivative_at_the_kink_is_a_subgradient(self, row):
        for kink in row.ours.kinks:
            slope = row.ours.derivative(np.array([kink.at]))
            assert min(kink.left, kink.right) <= slope <= max(kink.left, kink.right)


class TestActivationOptions:
    def test_the_defaults_are_those_of_torch(self):
        a = torch.tensor(MODERATE)
        for name in ("leaky_relu", "elu"):
            expected = getattr(torch.nn.functional, name)(a).numpy()
            np.testing.assert_allclose(activation(name).forward(MODERATE), expected, rtol=4 * ULP)

    def test_they_are_kept_in_the_row_and_cannot_be_changed(self):
        row = activation("leaky_relu", slope=0.2)
        assert row.options == {"slope": 0.2}
        assert activation("leaky_relu").options == {"slope": 0.01}
        assert activation("elu").options == {"alpha": 1.0}
        with pytest.raises(TypeError, match="does not support item assignment"):
            row.options["slope"] = 1.0

    @pytest.mark.parametrize(
        ("name", "options"), [("relu", {"slope": 0.1}), ("elu", {"slope": 0.1})], ids=str
    )
    def test_an_option_that_the_activation_does_not_have_is_an_error(self, name, options):
        with pytest.raises(TypeError, match="slope"):
            activation(name, **options)

    def test_an_unknown_name_is_an_error_that_names_the_known_ones(self):
        with pytest.raises(ValueError, match="unknown activation 'swish'") as caught:
            activation("swish")
        assert all(name in str(caught.value) for name in ACTIVATIONS)


class TestExtremeInputs:
    """Warnings are errors in this suite, so every call here also says that none was given."""

    @each_activation
    def test_nan_passes_through(self, ours):
        a = np.array([[np.nan]])
        assert np.isnan(ours.forward(a)).all()
        if ours.name != "identity":  # whose slope is 1 whatever the number
            assert np.isnan(ours.vjp(a, np.ones_like(a))).all()

    @each_activation
    def test_nan_from_above_passes_through(self, ours):
        assert np.isnan(ours.vjp(np.array([[0.5]]), np.array([[np.nan]]))).all()

    @each_row
    @pytest.mark.parametrize("size", [1e5, 1e154, 1e307, 1e308])
    def test_the_largest_numbers_give_finite_values_and_slopes_and_no_warning(self, row, size):
        a = np.array([-size, size])
        value, slope = row.ours.forward(a), row.ours.derivative(a)
        below = {"elu": -row.options.get("alpha", 1.0), "tanh": -1.0, "identity": -size}
        below["leaky_relu"] = -size * row.options.get("slope", 0.01)
        below |= {
            "selu": -SCALE * ALPHA,
            "hardtanh": -1.0,
            "log_sigmoid": -size,
            "softsign": -size / (1 + size),
        }
        below = {name: float(number) for name, number in below.items()}
        above = {"sigmoid": 1.0, "tanh": 1.0, "hardtanh": 1.0, "log_sigmoid": 0.0}
        above |= {"selu": float(SCALE) * size, "softsign": size / (1 + size)}
        if row.name == "selu" and size > 1e307:
            return  # 1.05 times the largest numbers overflows
        np.testing.assert_allclose(value, [below.get(row.name, 0.0), above.get(row.name, size)], rtol=ULP)
        left = {"identity": 1.0, "leaky_relu": row.options.get("slope", 0.01), "log_sigmoid": 1.0}
        right = {"sigmoid": 0.0, "tanh": 0.0, "hardtanh": 0.0, "log_sigmoid": 0.0, "selu": float(SCALE)}
        left["softsign"] = right["softsign"] = (1.0 / (1.0 + size)) ** 2
        np.testing.assert_allclose(slope, [left.get(row.name, 0.0), right.get(row.name, 1.0)], rtol=ULP)

    @pytest.mark.parametrize("size", [1e5, 1e154, 1e307])
    def test_softmax_of_the_largest_numbers_is_finite(self, size):
        a = np.array([[-size, size, 0.0]])
        ours = activation("softmax")
        np.testing.assert_array_equal(ours.forward(a), [[0.0, 1.0, 0.0]])
        np.testing.assert_array_equal(ours.vjp(a, np.array([[1.0, 2.0, 3.0]])), 0.0)
        np.testing.assert_allclose(log_softmax(a), [[-2 * size, 0.0, -size]])


def test_a_new_row_gets_its_vjp_from_its_derivative():
    square = elementwise("square", forward=np.square, derivative=lambda a: 2.0 * a)
    assert square.vjp(np.array([3.0]), np.array([-2.0])) == -12.0
    assert square.kinks == ()
    assert square.options == {}
