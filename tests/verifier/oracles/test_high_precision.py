"""The oracle of 77 digits equals derivatives taken by mpmath, and knows what it does not know."""

import sys
from typing import Any

import mpmath
import numpy as np
import pytest

from reference_impl import ACTIVATIONS, Batch, LayerParameters, Penalty, Problem, forward, named
from tests.drawing import draw_problem
from tests.pairwise import each
from tests.verifier.builders import small_document
from tests.verifier.sixty_digits import differentiated
from verifier import verify
from verifier.engine.estimate import Answer
from verifier.engine.rounding_allowance import rounding
from verifier.oracles import LAYER_ORACLES, high_precision
from verifier.problem.precision import PRECISIONS
from verifier.report.model import Uncertainty


def answer_to(problem: Problem) -> Answer:
    trace = forward(problem.network, problem.parameters, problem.batch)
    return high_precision.gradient(problem, rounding(problem, trace, PRECISIONS["float64"]))


def assert_equal_to_mpmath(problem: Problem) -> None:
    answer, expected = answer_to(problem), differentiated(problem)
    assert answer.uncertainty is Uncertainty.BOUND
    assert list(answer.gradient) == [name for name, _ in named(problem.parameters)]
    for name, estimate in answer.gradient.items():
        # both are rounded to float64 once; mpmath's differences leave 1e-35 where the truth is 0
        np.testing.assert_allclose(estimate.value, expected[name], rtol=1e-15, atol=1e-30, err_msg=name)
        assert (estimate.error <= 2.0**-52 * np.abs(estimate.value) + 1e-300).all()


LOSSES = [
    ("mse", "values", None),
    ("cross_entropy", "logits", None),
    ("cross_entropy", "probabilities", "softmax"),
    ("cross_entropy", "probabilities", "sigmoid"),
    ("binary_cross_entropy", "logits", None),
    ("binary_cross_entropy", "probabilities", "sigmoid"),
]


@each((activation, *loss) for activation in ACTIVATIONS for loss in LOSSES)
def test_it_equals_central_differences_of_60_digits(activation, loss, on, output):
    problem = draw_problem(
        np.random.default_rng([list(ACTIVATIONS).index(activation), len(loss), len(on)]),
        activation_name=activation,
        output=output or activation,
        loss=loss,
        on=on,
        widths=(2, 2, 2),
        examples=2,
    )
    assert_equal_to_mpmath(problem)


OTHERS: dict[str, dict[str, Any]] = {
    "sums, means over outputs": {"batch": "sum", "outputs": "mean"},
    "no biases": {"bias": False},
    "masks": {"masked": True},
    "three layers": {"widths": (2, 2, 3, 2), "activation_name": "silu"},
    "l2": {"penalties": (Penalty("l2", 0.3, 0.5, "mean", True),)},
    "l1": {"penalties": (Penalty("l1", 0.3, 1.0),)},
    "both": {"penalties": (Penalty("l1", 0.1, 1.0), Penalty("l2", 0.3, 0.7))},
    "saturated": {"scale": 20.0, "activation_name": "gelu"},
}


@each(OTHERS)
def test_it_equals_them_for_every_choice_of_a_risk_and_a_network(other):
    choice = {"widths": (2, 2, 2), "examples": 2} | OTHERS[other]
    assert_equal_to_mpmath(draw_problem(np.random.default_rng(31), **choice))


def saturated_problem(logit: float) -> Problem:
    """A classifier of one input 1 whose loss has the gradient e^−logit: 1 − p cancels in every precision."""
    problem = draw_problem(
        np.random.default_rng(1), widths=(1, 2), examples=1, loss="cross_entropy", on="logits"
    )
    parameters = LayerParameters(np.array([[logit, 0.0]]), np.zeros(2))
    batch = Batch(np.ones((1, 1)), np.array([[1.0, 0.0]]))
    return Problem(problem.network, (parameters,), batch, problem.risk)


@pytest.mark.parametrize("logit", [50.0, 300.0, 500.0, 700.0])
def test_where_256_bits_cancel_it_takes_more(logit, monkeypatch):
    with mpmath.workdps(50):
        truth = float(mpmath.exp(-logit) / (1 + mpmath.exp(-logit)))
    estimate = answer_to(saturated_problem(logit)).gradient["layers.0.weight"]
    np.testing.assert_allclose(estimate.value, [[-truth, truth]], rtol=1e-15)
    assert (estimate.error <= 2.0**-50 * truth).all()

    monkeypatch.setattr(high_precision, "MOST_BITS", high_precision.BITS)
    few = answer_to(saturated_problem(logit)).gradient["layers.0.weight"]
    enough = logit < 100  # e**-50 leaves 184 of 256 bits; e**-300 leaves none
    assert (few.error <= 1e-15 * truth).all() == enough
    assert (np.abs(few.value - [[-truth, truth]]) <= few.error).all()


def relu_network(biases: list[float]) -> Problem:
    """x = 1 through three relu units in a row, weights 1, and an identity."""
    problem = draw_problem(
        np.random.default_rng(1), widths=(1, 1, 1, 1, 1), activation_name="relu", examples=1
    )
    one = np.ones((1, 1))
    parameters = tuple(LayerParameters(one, np.array([b])) for b in (*biases, 0.0))
    return Problem(problem.network, parameters, Batch(one, np.array([[7.0]])), problem.risk)


@pytest.mark.parametrize(
    ("biases", "unknown"),
    [
        ([1.0, 1.0, 1.0], set()),
        ([-1.0, 1.0, 1.0], {0}),
        ([1.0, -2.0, 1.0], {0, 1}),
        ([1.0, 1.0, -3.0], {0, 1, 2}),
        ([1.0, 1.0, -3.0 + 2.0**-51], set()),
    ],
    ids=["none", "the first", "the second", "the third", "just beside it"],
)
def test_layers_up_to_one_at_a_kink_are_left_out(biases, unknown):
    answer = answer_to(relu_network(biases))
    left_out = {name for name, e in answer.gradient.items() if not np.isfinite(e.error).all()}
    assert left_out == {f"layers.{i}.{kind}" for i in unknown for kind in ("weight", "bias")}


@pytest.mark.parametrize("biases", [True, False])
def test_weights_at_the_kink_of_l1_are_left_out_and_no_others(biases):
    drawn = draw_problem(
        np.random.default_rng(2),
        widths=(2, 2),
        examples=2,
        penalties=(Penalty("l1", 0.3, 1.0, "none", biases),),
    )
    parameters = LayerParameters(np.array([[0.0, 1.0], [-1.0, 0.5]]), np.array([0.0, 1.0]))
    answer = answer_to(Problem(drawn.network, (parameters,), drawn.batch, drawn.risk))
    assert np.isfinite(answer.gradient["layers.0.weight"].error).tolist() == [[False, True], [True, True]]
    assert np.isfinite(answer.gradient["layers.0.bias"].error).tolist() == [not biases, True]


def test_what_is_no_number_is_unknown_but_not_wrong():
    drawn = draw_problem(np.random.default_rng(3), widths=(1, 1), examples=1)
    batch = Batch(np.array([[1e200]]), np.zeros((1, 1)))
    parameters = LayerParameters(np.array([[1e200]]), np.zeros(1))
    answer = answer_to(Problem(drawn.network, (parameters,), batch, drawn.risk))
    assert not np.isfinite(answer.gradient["layers.0.weight"].error).any()  # 1e600 is no float64


class TestWithoutPythonFlint:
    @pytest.fixture(autouse=True)
    def no_flint(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "flint", None)  # as Python itself refuses an import

    def test_it_answers_nothing_and_says_why(self):
        answer = answer_to(draw_problem(np.random.default_rng(1)))
        assert dict(answer.gradient) == {}
        assert answer.uncertainty is Uncertainty.UNKNOWN
        assert answer.reason.startswith("python-flint cannot be imported")

    def test_a_verdict_needs_no_high_precision(self):
        assert verify(small_document()).verdict == "correct"


def test_it_is_asked_by_name_and_not_by_default():
    assert not LAYER_ORACLES["high_precision"].by_default
    assert "high_precision" not in {item.oracle for item in verify(small_document()).evidence}
    report = verify(small_document(), oracles=["high_precision", "autograd"])
    assert [(item.oracle, item.agrees) for item in report.evidence] == [
        ("high_precision", True),
        ("autograd", True),
    ]
    assert report.verdict == "correct"
