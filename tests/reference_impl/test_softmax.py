import mpmath
import numpy as np
import pytest

from reference_impl.softmax import (
    log_softmax,
    log_softmax_vjp,
    one_minus_softmax,
    softmax,
    softmax_vjp,
)

# (logits, relative tolerance): exp(a - max) magnifies the rounding of its exponent: |a - max| · 2.2e-16
ROWS = [
    ([0.0], 1e-16),
    ([1.0, 2.0, 3.0], 2e-15),
    ([0.25, 0.25], 2e-15),
    ([1e-10, 0.0, -1e-10], 2e-15),
    ([30.0, 0.0, -5.0], 1e-14),  # the likeliest rounds to 1 - 1e-13
    ([40.0, 0.0], 2e-14),  # and here to 1
    ([-690.8, 0.0, -691.5], 2e-13),
    ([700.0, -700.0, 0.0], 5e-13),
    ([-1e4, 1e4, 9990.5], 5e-12),
    ([1e4, 1e4, -1e4], 5e-12),
    ([1e300, 0.0], 1e-16),
]
UPSTREAM = [1.5, -0.75, 0.5]  # no two sums of these cancel


def exact_softmax(a):
    odds = [mpmath.exp(entry - max(a)) for entry in a]
    return np.array([o / sum(odds) for o in odds])


@pytest.mark.parametrize(("logits", "tolerance"), ROWS, ids=str)
class TestSoftmaxAgainstFiftyDigits:
    def test_probabilities_agree_with_fifty_digits(self, logits, tolerance, many_digits):
        probabilities = softmax(np.array([logits]))[0]
        many_digits.assert_close(probabilities, exact_softmax(many_digits.array(logits)), tolerance)

    def test_logarithms_are_finite_however_small_the_probability(self, logits, tolerance, many_digits):
        logarithms = log_softmax(np.array([logits]))[0]
        a = many_digits.array(logits)
        others = [
            sum((mpmath.exp(b - a.max()) for j, b in enumerate(a) if j != a.argmax()), mpmath.mpf(0))
            for _ in a
        ]
        exact = [
            (0 if k == a.argmax() else b - a.max()) - mpmath.log1p(o)
            for k, (b, o) in enumerate(zip(a, others, strict=True))
        ]
        assert np.isfinite(logarithms).all()
        many_digits.assert_close(logarithms, exact, tolerance)

    def test_complements_keep_their_digits_where_the_probability_rounds_to_1(
        self, logits, tolerance, many_digits
    ):
        complements = one_minus_softmax(np.array([logits]))[0]
        p = exact_softmax(many_digits.array(logits))
        exact = [sum((p[j] for j in range(len(p)) if j != k), mpmath.mpf(0)) for k in range(len(p))]
        many_digits.assert_close(complements, exact, tolerance)

    def test_vjp_is_the_transposed_jacobian(self, logits, tolerance, many_digits):
        u = UPSTREAM[: len(logits)]
        p = exact_softmax(many_digits.array(logits))
        exact = [p[k] * sum((u[k] - u[j]) * p[j] for j in range(len(p))) for k in range(len(p))]
        products = softmax_vjp(np.array([logits]), np.array([u]))[0]
        many_digits.assert_close(products, exact, 2 * tolerance)  # two probabilities are multiplied

    def test_the_vjp_of_the_logarithm_agrees_with_fifty_digits(self, logits, tolerance, many_digits):
        u = [0.0, -1.0, 0.0][: len(logits)]  # a one-hot target, as in every cross-entropy
        p = exact_softmax(many_digits.array(logits))
        exact = [
            sum(u[k] * p[j] for j in range(len(p)) if j != k)
            - p[k] * sum(u[j] for j in range(len(p)) if j != k)
            for k in range(len(p))
        ]
        products = log_softmax_vjp(np.array([logits]), np.array([u]))[0]
        many_digits.assert_close(products, exact, tolerance)


def test_the_example_of_the_cs231n_notes():
    """Source: CS231n, "Linear Classification", softmax: scores (-2.85, 0.86, 0.28), class 2, loss 1.04."""
    scores = np.array([[-2.85, 0.86, 0.28]])
    assert -log_softmax(scores)[0, 2] == pytest.approx(1.04, abs=0.005)
    assert softmax(scores)[0, 1:] == pytest.approx([0.631, 0.353], abs=0.0005)


def test_rows_are_taken_one_by_one_in_arrays_of_any_shape():
    a = np.round(np.random.default_rng(3).normal(size=(2, 4, 3)), 2)
    for function in (softmax, log_softmax, one_minus_softmax):
        rows = [function(row[None])[0] for row in a.reshape(8, 3)]
        np.testing.assert_array_equal(function(a).reshape(8, 3), rows)


def test_probabilities_and_complements_add_up_to_1():
    a = np.round(np.random.default_rng(4).normal(scale=20, size=(50, 5)), 1)
    np.testing.assert_allclose(softmax(a).sum(axis=-1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(softmax(a) + one_minus_softmax(a), 1.0, rtol=1e-15)


@pytest.mark.parametrize("function", [softmax, log_softmax, one_minus_softmax])
def test_nan_spoils_its_own_row_only(function):
    probabilities = function(np.array([[0.0, np.nan, 1.0], [0.0, 1.0, 2.0]]))
    assert np.isnan(probabilities[0]).all()
    assert np.isfinite(probabilities[1]).all()
