import dataclasses
from itertools import product

import numpy as np
import pytest

from reference_impl import LOSSES, Penalty, Risk, backpropagate, example_losses, forward, named, risk_value
from reference_impl.problem import penalty_value
from tests.drawing import draw_problem
from tests.pairwise import check_rows, each

# (loss, what it is taken on, last activation)
LOSSES_AND_OUTPUTS = [
    ("mse", "values", "identity"),
    ("mse", "values", "tanh"),
    ("cross_entropy", "logits", "identity"),
    ("cross_entropy", "probabilities", "softmax"),
    ("cross_entropy", "probabilities", "sigmoid"),
    ("binary_cross_entropy", "logits", "identity"),
    ("binary_cross_entropy", "probabilities", "sigmoid"),
    ("binary_cross_entropy", "probabilities", "softmax"),
]
PENALTIES = [
    (),
    (Penalty("l2", 0.1, 0.5),),  # CS231n until 2016: ½ λ Σ W²
    (Penalty("l2", 0.1, 1.0),),  # CS231n since: λ Σ W²
    (Penalty("l2", 3.0, 0.5, batch="mean"),),  # Ng: λ / 2N Σ W²
    (Penalty("l2", 0.1, 0.5, biases=True),),  # PyTorch's weight_decay
    (Penalty("l1", 0.2, 1.0),),
    (Penalty("l1", 0.2, 1.0, batch="mean", biases=True), Penalty("l2", 0.1, 0.5)),  # an elastic net
]
ROUNDING = 1e-14  # of R: some hundred additions of terms no larger than R


def random_problem(loss="mse", on="values", output="identity", factor=None, **choices):
    problem = draw_problem(np.random.default_rng(5), loss=loss, on=on, output=output, **choices)
    if factor is None:
        return problem
    return dataclasses.replace(problem, risk=dataclasses.replace(problem.risk, factor=factor))


def risk_of(problem):
    return risk_value(problem, forward(problem.network, problem.parameters, problem.batch))


def test_every_loss_factor_and_reduction_gives_the_risk_that_torch_gives(by_torch):
    def check(loss_and_output, batch, outputs, factor):
        problem = random_problem(*loss_and_output, factor, batch=batch, outputs=outputs)
        assert risk_of(problem) == pytest.approx(by_torch(problem)[0], rel=ROUNDING)

    check_rows(check, product(LOSSES_AND_OUTPUTS, ("mean", "sum"), ("mean", "sum"), (0.5, 1.0, 3.25)))


@pytest.mark.parametrize("bias", [True, False], ids=["biases", "no biases"])
@pytest.mark.parametrize("penalties", PENALTIES, ids=str)
def test_penalties_add_what_torch_adds(penalties, bias, by_torch):
    problem = random_problem(penalties=penalties, bias=bias)
    risk, _, gradient = by_torch(problem)
    assert risk_of(problem) == pytest.approx(risk, rel=ROUNDING)
    for name, actual in named(backpropagate(problem)):
        np.testing.assert_allclose(actual, gradient[name], rtol=0, atol=1e-13, err_msg=name)


def test_the_risk_of_the_lecture_by_hand():
    """R = 1/N Σₙ ½ Σₖ (y - f)², with differences (1, 2), (3, 0): ½ (½ 5 + ½ 9) = 3.5."""
    problem = random_problem(widths=[2, 2], examples=2)
    outputs = np.array([[1.0, 2.0], [3.0, 0.0]]) + problem.batch.targets
    np.testing.assert_allclose(example_losses(problem, outputs, outputs), [2.5, 4.5], rtol=1e-15)
    trace = dataclasses.replace(
        forward(problem.network, problem.parameters, problem.batch), a=(outputs,), z=(outputs, outputs)
    )
    assert risk_value(problem, trace) == pytest.approx(3.5, rel=1e-15)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    # W = [[1, -2], [0, 3]], b = (4, -1), N = 5
    [
        (Penalty("l2", 0.1, 0.5), 0.05 * 14),
        (Penalty("l2", 0.1, 0.5, batch="mean"), 0.05 * 14 / 5),
        (Penalty("l2", 0.1, 1.0, biases=True), 0.1 * 31),
        (Penalty("l1", 0.1, 1.0), 0.1 * 6),
        (Penalty("l1", 0.1, 2.0, biases=True, batch="mean"), 0.2 * 11 / 5),
        (Penalty("l2", 0.0, 1.0), 0.0),
    ],
    ids=str,
)
def test_penalties_agree_with_a_calculation_by_hand(penalty, expected):
    parameters = dataclasses.replace(
        random_problem(widths=[2, 2]).parameters[0], weight=[[1.0, -2.0], [0.0, 3.0]], bias=[4.0, -1.0]
    )
    assert penalty_value(penalty, (parameters,), examples=5) == pytest.approx(expected, rel=1e-15)


@each((*row, batch) for row in LOSSES_AND_OUTPUTS for batch in ("mean", "sum"))
def test_the_losses_of_the_examples_are_the_risks_of_batches_of_one(loss, on, output, batch):
    problem = random_problem(loss, on, output, outputs="mean", batch=batch)
    trace = forward(problem.network, problem.parameters, problem.batch)
    losses = example_losses(problem, trace.a[-1], trace.outputs)
    for n, loss_of_example in enumerate(losses):
        single = dataclasses.replace(
            problem.batch, inputs=problem.batch.inputs[n : n + 1], targets=problem.batch.targets[n : n + 1]
        )
        assert loss_of_example == pytest.approx(
            risk_of(dataclasses.replace(problem, batch=single)), rel=ROUNDING
        )
    whole = losses.mean() if batch == "mean" else losses.sum()
    assert risk_value(problem, trace) == pytest.approx(whole, rel=ROUNDING)


def test_the_losses_of_many_perturbed_batches_are_computed_at_once():
    problem = random_problem("cross_entropy", "logits")
    trace = forward(problem.network, problem.parameters, problem.batch)
    many = np.stack([trace.a[-1], trace.a[-1] + 0.5, 2.0 * trace.a[-1]])
    losses = example_losses(problem, many, many)
    assert losses.shape == (3, problem.batch.size)
    for row, a in zip(losses, many, strict=True):
        np.testing.assert_array_equal(row, example_losses(problem, a, a))


class TestWhatTheLossIsAFunctionOf:
    """The logarithm of a softmax or a sigmoid is taken in one step, from the pre-activation."""

    @pytest.mark.parametrize(
        ("loss", "on", "output", "of_preactivation"),
        [
            ("cross_entropy", "probabilities", "softmax", True),
            ("cross_entropy", "probabilities", "sigmoid", True),
            ("binary_cross_entropy", "probabilities", "sigmoid", True),
            ("binary_cross_entropy", "probabilities", "softmax", False),  # 1 - softmax has no row
            ("cross_entropy", "logits", "softmax", False),  # a softmax of a softmax, if somebody means it
            ("mse", "values", "softmax", False),
        ],
        ids=str,
    )
    def test_by_loss_and_last_activation(self, loss, on, output, of_preactivation):
        assert random_problem(loss, on, output).of_preactivation is of_preactivation

    def test_a_mask_on_the_last_layer_stands_between_them(self):
        problem = random_problem("cross_entropy", "probabilities", "softmax", widths=[3, 2], masked=True)
        assert problem.of_preactivation is False

    def test_a_probability_that_underflows_still_has_its_logarithm(self):
        problem = random_problem("cross_entropy", "probabilities", "softmax", widths=[1, 2], examples=1)
        batch = dataclasses.replace(problem.batch, targets=[[1.0, 0.0]])
        problem = dataclasses.replace(problem, batch=batch)
        a = np.array([[-1e4, 1e4]])
        assert example_losses(problem, a, np.array([[0.0, 1.0]])) == 2e4


def test_the_risk_has_the_scale_of_each_reduction():
    risk = Risk(LOSSES["mse"], 0.5, batch="mean", outputs="mean")
    assert (risk.output_scale(4), risk.example_scale(8)) == (0.125, 0.125)
    risk = Risk(LOSSES["mse"], 0.5, batch="sum", outputs="sum")
    assert (risk.output_scale(4), risk.example_scale(8)) == (0.5, 1.0)


def test_an_infinite_risk_is_infinite_without_a_warning():
    problem = random_problem(widths=[2, 1], examples=1)
    trace = forward(problem.network, problem.parameters, problem.batch)
    huge = dataclasses.replace(trace, a=(np.array([[1e200]]),), z=(trace.z[0], np.array([[1e200]])))
    assert risk_value(problem, huge) == np.inf
