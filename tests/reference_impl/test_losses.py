from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
import torch

import reference_impl.graph as graph
from reference_impl import LOSSES
from reference_impl.problem_graph import loss_node
from verifier.engine.formulas import COMPLEX
from verifier.engine.functions.formulas import loss_formula
from verifier.engine.functions.loss_properties import loss_properties
from verifier.engine.functions.torch_twins import loss_in_torch

ULP = 2.0**-52


def log_softmax(f, k):
    others = sum((mpmath.exp(g - f[k]) for j, g in enumerate(f) if j != k), mpmath.mpf(0))
    return -mpmath.log1p(others)


def log_sigmoid(f):
    return -mpmath.log1p(mpmath.exp(-f))


def huber(f, y, k):
    distance = abs(f[k] - y[k])
    return distance**2 / 2 if distance <= 1 else distance - mpmath.mpf(1) / 2


def hinge(f, y, k):
    right = sum(p * q for p, q in zip(f, y, strict=True))
    return (1 - y[k]) * max(mpmath.mpf(0), 1 + f[k] - right)


def entropy(y):
    return y * mpmath.log(y) if y else mpmath.mpf(0)


@dataclass(frozen=True)
class LossRow:
    """One loss on one kind of output. `exact`: (f, y, k) -> the term of output k in 50 digits."""

    name: str
    taken_on: str  # a key of `on`, or the last activation whose pre-activation it is
    exact: object
    outputs: list
    targets: list
    tolerance: float

    @property
    def ours(self):
        row = LOSSES[self.name]
        return row.on[self.taken_on] if self.taken_on in row.on else row.of_preactivation[self.taken_on]

    @property
    def at(self):
        return np.array(self.outputs), np.array(self.targets)

    def __str__(self):
        return f"{self.name}-{self.taken_on}"


LOGITS = [
    [0.5, -1.25, 2.0],
    [30.0, -5.0, 0.25],
    [700.0, -700.0, 0.0],
    [-1e4, 1e4, 9990.5],
    [1e-8, 0.0, -1e-8],
]
ONE_HOT = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
SOFT = [[0.2, 0.3, 0.5], [0.1, 0.9, 0.0], [0.0, 1.0, 0.0], [0.5, 0.25, 0.25], [0.3, 0.3, 0.4]]
BITS = [[1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]
PROBABILITIES = [[0.2, 0.3, 0.5], [1e-3, 0.999, 1e-12], [1e-300, 1e-308, 1.0 - ULP], [0.5, 1e-17, 0.25]]

# A difference of logits near 1e4 is exact or rounded once, and exp magnifies that by 2e4 units, as in
# test_softmax.py; elsewhere a few operations are rounded.
ROWS = [
    LossRow("mse", "values", lambda f, y, k: (f[k] - y[k]) ** 2, LOGITS, SOFT, 4 * ULP),
    LossRow("cross_entropy", "logits", lambda f, y, k: -y[k] * log_softmax(f, k), LOGITS, ONE_HOT, 5e-12),
    LossRow(
        "cross_entropy", "logits", lambda f, y, k: -y[k] * log_softmax(f, k), LOGITS[:2], SOFT[:2], 1e-14
    ),
    LossRow("cross_entropy", "softmax", lambda f, y, k: -y[k] * log_softmax(f, k), LOGITS, ONE_HOT, 5e-12),
    LossRow("cross_entropy", "sigmoid", lambda f, y, k: -y[k] * log_sigmoid(f[k]), LOGITS, ONE_HOT, 4 * ULP),
    LossRow(
        "cross_entropy",
        "probabilities",
        lambda f, y, k: -y[k] * mpmath.log(f[k]) if y[k] else mpmath.mpf(0),
        PROBABILITIES,
        [*ONE_HOT[:2], [0.5, 0.5, 0.0], [0.0, 1.0, 0.0]],
        4 * ULP,
    ),
    LossRow(
        "binary_cross_entropy",
        "logits",
        lambda f, y, k: -y[k] * log_sigmoid(f[k]) - (1 - y[k]) * log_sigmoid(-f[k]),
        LOGITS,
        BITS,
        6 * ULP,
    ),
    LossRow(
        "binary_cross_entropy",
        "sigmoid",
        lambda f, y, k: -y[k] * log_sigmoid(f[k]) - (1 - y[k]) * log_sigmoid(-f[k]),
        LOGITS,
        BITS,
        6 * ULP,
    ),
    LossRow(
        "binary_cross_entropy",
        "probabilities",
        lambda f, y, k: -y[k] * mpmath.log(f[k]) - (1 - y[k]) * mpmath.log1p(-f[k]),
        PROBABILITIES,
        [*BITS[:2], [1.0, 0.0, 1.0], [0.0, 1.0, 0.3]],
        6 * ULP,
    ),
]
ROWS += [
    LossRow("mae", "values", lambda f, y, k: abs(f[k] - y[k]), LOGITS, SOFT, 4 * ULP),
    LossRow("huber", "values", huber, LOGITS, SOFT, 4 * ULP),
    # 1 + f_k - f_right cancels
    LossRow("hinge", "values", hinge, LOGITS[:4], ONE_HOT[:4], 1e-12),
    *(
        LossRow(
            "kl_divergence",
            on,
            lambda f, y, k: entropy(y[k]) - y[k] * log_softmax(f, k),
            LOGITS[:2],
            SOFT[:2],
            1e-13,  # log y - log p cancels
        )
        for on in ("logits", "softmax")
    ),
    LossRow(
        "kl_divergence",
        "probabilities",
        lambda f, y, k: entropy(y[k]) - (y[k] * mpmath.log(f[k]) if y[k] else 0),
        PROBABILITIES[:2],
        SOFT[:2],
        1e-13,
    ),
    LossRow(
        "kl_divergence",
        "log_probabilities",
        lambda f, y, k: entropy(y[k]) - y[k] * f[k],
        LOGITS,
        SOFT,
        1e-13,
    ),
    LossRow("nll", "log_probabilities", lambda f, y, k: -y[k] * f[k], LOGITS, SOFT, ULP),
]
each_row = pytest.mark.parametrize("row", ROWS, ids=str)


def exact_terms(row, many_digits):
    f, y = map(many_digits.array, row.at)
    return np.array([[row.exact(f[n], y[n], k) for k in range(f.shape[1])] for n in range(f.shape[0])])


def exact_slopes(row, many_digits):
    """∂/∂f_k of the row's sum, by mpmath's differences in so many digits that 20 000 of them may cancel."""
    f, y = map(many_digits.array, row.at)
    slopes = np.empty_like(f)
    for n, k in np.ndindex(*f.shape):
        step = mpmath.mpf(10) ** -400

        def exact_loss(by, n=n, k=k):
            at = f[n].copy()
            at[k] = at[k] + by
            return sum(row.exact(at, y[n], j) for j in range(f.shape[1]))

        with mpmath.workdps(1200):
            slopes[n, k] = (exact_loss(step) - exact_loss(-step)) / (2 * step)
    return slopes


def test_every_row_of_the_table_is_tested_here():
    tested = {(row.name, row.taken_on) for row in ROWS}
    assert tested == {
        (name, taken_on) for name, loss in LOSSES.items() for taken_on in (*loss.on, *loss.of_preactivation)
    }


def test_the_names_in_the_table_are_those_of_its_rows():
    assert {name: loss.name for name, loss in LOSSES.items()} == {name: name for name in LOSSES}


@pytest.mark.parametrize(
    ("name", "factor", "reduces_outputs", "class_targets"),
    # the lecture's risk has the half; torch has none. A cross-entropy is one number a row already.
    [
        ("mse", 0.5, True, False),
        ("cross_entropy", 1.0, False, True),
        ("binary_cross_entropy", 1.0, True, False),
        ("mae", 1.0, True, False),
        ("huber", 1.0, True, False),
        ("hinge", 1.0, True, True),
        ("kl_divergence", 1.0, True, False),
        ("nll", 1.0, False, True),
    ],
)
def test_each_loss_has_its_defaults(name, factor, reduces_outputs, class_targets):
    loss = LOSSES[name]
    assert loss.default_factor == factor
    assert loss.reduces_outputs is reduces_outputs
    assert loss.class_targets is class_targets


class TestLossesAgainstFiftyDigits:
    @each_row
    def test_the_terms_agree_with_fifty_digits(self, row, many_digits):
        many_digits.assert_close(row.ours.value(*row.at), exact_terms(row, many_digits), row.tolerance)

    @each_row
    def test_the_gradient_agrees_with_fifty_digits(self, row, many_digits):
        gradient = row.ours.gradient(*row.at)
        many_digits.assert_close(gradient, exact_slopes(row, many_digits), row.tolerance)

    @each_row
    def test_the_formula_is_the_same_function(self, row, many_digits):
        f, y = map(many_digits.array, row.at)
        gaps = abs(loss_formula(row.ours, many_digits, f, y) - exact_terms(row, many_digits))
        assert (gaps <= mpmath.mpf("1e-40") * (1 + abs(f))).all()


class TestOtherLossFormulas:
    """Each may err by the roundoff of the textbook formula and a few units in the last place."""

    @staticmethod
    def moderate(row):
        f, y = row.at
        keep = (np.abs(f) <= 40).all(axis=1) & (
            (np.abs(f) > 1e-16).all(axis=1) | (row.taken_on != "probabilities")
        )
        return f[keep], y[keep]

    @staticmethod
    def assert_within(actual, expected, roundoff):
        np.testing.assert_array_less(
            np.abs(actual - expected), 4 * ULP * (roundoff + np.abs(expected)) + 1e-300
        )

    @staticmethod
    def of_value(ours, f, y):
        return loss_properties(ours).value_roundoff(f, y, ours.value(f, y))

    @staticmethod
    def of_gradient(ours, f, y):
        return loss_properties(ours).gradient_roundoff(f, y)

    @each_row
    def test_the_formula_over_the_reals_agrees(self, row):
        f, y = self.moderate(row)
        losses = loss_formula(row.ours, COMPLEX, f, y)
        self.assert_within(losses, row.ours.value(f, y), self.of_value(row.ours, f, y))

    @each_row
    def test_the_formula_over_the_complex_numbers_has_the_gradient_in_it(self, row):
        f, y = self.moderate(row)
        h = 1e-30
        for k in range(f.shape[1]):
            moved = loss_formula(row.ours, COMPLEX, f + 1j * h * (np.arange(f.shape[1]) == k), y)
            self.assert_within(moved.real, row.ours.value(f, y), self.of_value(row.ours, f, y))
            slope, roundoff = (
                row.ours.gradient(f, y)[:, k],
                self.of_gradient(row.ours, f, y)[:, k],
            )
            self.assert_within(moved.imag.sum(axis=1) / h, slope, roundoff)

    @each_row
    def test_torch_agrees(self, row):
        f, y = self.moderate(row)
        leaf = torch.tensor(f, requires_grad=True)
        losses = loss_in_torch(row.ours, torch, leaf, torch.tensor(y)).reshape(len(f), -1).sum(dim=1)
        (slope,) = torch.autograd.grad(losses.sum(), leaf)
        of_rows, roundoff = row.ours.value(f, y).sum(axis=1), self.of_value(row.ours, f, y).sum(axis=1)
        self.assert_within(losses.detach().numpy(), of_rows, roundoff)
        self.assert_within(slope.numpy(), row.ours.gradient(f, y), self.of_gradient(row.ours, f, y))

    @each_row
    def test_the_computation_graph_agrees(self, row):
        f, y = self.moderate(row)
        leaf = graph.Parameter(f)
        whole = graph.StaticGraph(loss_node(row.ours, leaf, y))
        total = whole.forward()
        whole.backward()
        self.assert_within(total, row.ours.value(f, y).sum(), self.of_value(row.ours, f, y).sum())
        self.assert_within(whole.gradient(leaf), row.ours.gradient(f, y), self.of_gradient(row.ours, f, y))


class TestLossVariance:
    """Var(∂/∂f_k) = Σⱼ (∂²/∂f_k∂f_j)² Var(f_j) to first order; the Hessian is that of torch (1e-12 of it)."""

    OF_F = np.array([1.0, 0.25, 4.0])

    @each_row
    def test_the_variance_of_the_gradient(self, row):
        for f, y in zip(*TestOtherLossFormulas.moderate(row), strict=True):
            if row.taken_on == "probabilities":
                f = np.clip(f, 1e-3, 1 - 1e-3)
            hessian = torch.autograd.functional.hessian(
                lambda f, y=y: loss_in_torch(row.ours, torch, f[None], torch.tensor(y[None])).sum(),
                torch.tensor(f),
            ).numpy()
            expected = hessian**2 @ self.OF_F
            variance = loss_properties(row.ours).gradient_variance(f[None], y[None], self.OF_F[None])[0]
            np.testing.assert_allclose(variance, expected, rtol=0, atol=1e-12 * max(1e-3, expected.max()))


class TestExtremeOutputs:
    """Warnings are errors in this suite, so every call here also says that none was given."""

    @each_row
    def test_a_target_of_0_takes_no_part_even_where_the_probability_is_0(self, row):
        if row.taken_on == "probabilities":
            f, y = np.array([[0.0, 1.0, 0.5]]), np.array([[0.0, 1.0, 0.0]])
        else:
            f, y = np.array([[-1e4, 1e4, 0.0]]), np.array([[0.0, 1.0, 0.0]])
        assert np.isfinite(row.ours.value(f, y)).all()
        assert np.isfinite(row.ours.gradient(f, y)).all()

    @pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy"])
    def test_a_probability_of_0_for_what_happened_costs_infinitely_much(self, name):
        terms = LOSSES[name].on["probabilities"]
        f, y = np.array([[0.0]]), np.array([[1.0]])
        assert terms.value(f, y) == np.inf
        assert terms.gradient(f, y) == -np.inf

    @pytest.mark.parametrize(
        "row",
        [row for row in ROWS if "cross_entropy" in row.name and row.taken_on != "probabilities"],
        ids=str,
    )
    @pytest.mark.parametrize("size", [1e154, 1e307, 1e308])
    def test_the_largest_logits_cost_what_they_say_and_give_no_warning(self, row, size):
        f, y = np.array([[-size, 0.0]]), np.array([[1.0, 0.0]])
        assert row.ours.value(f, y)[0, 0] == size
        assert row.ours.gradient(f, y)[0, 0] == -1.0

    @each_row
    @pytest.mark.parametrize("target", [0.0, 1.0])
    def test_nan_passes_through_whatever_its_target(self, row, target):
        f, y = np.array([[np.nan, 0.5]]), np.array([[target, 1.0 - target]])
        assert np.isnan(row.ours.value(f, y).sum())
        assert np.isnan(row.ours.gradient(f, y)[0, 0])
