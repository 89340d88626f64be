import dataclasses
from functools import partial
from itertools import product

import mpmath
import numpy as np
import pytest

from reference_impl import (
    ACTIVATIONS,
    CORRECT,
    LOSSES,
    Batch,
    Equations,
    Layer,
    LayerParameters,
    Network,
    Penalty,
    Problem,
    Risk,
    activation,
    backpropagate,
    deltas,
    forward,
    gradients,
    named,
)
from reference_impl.problem_graph import graph_of
from tests.drawing import draw_problem
from tests.pairwise import check_rows, pairwise

LOSSES_AND_OUTPUTS = [
    ("mse", "values", "identity"),
    ("mse", "values", "sigmoid"),
    ("mse", "values", "softmax"),
    ("cross_entropy", "logits", "identity"),
    ("cross_entropy", "probabilities", "softmax"),
    ("cross_entropy", "probabilities", "sigmoid"),
    ("binary_cross_entropy", "logits", "identity"),
    ("binary_cross_entropy", "probabilities", "sigmoid"),
    ("binary_cross_entropy", "probabilities", "softmax"),
]
DEPTHS = (1, 2, 3, 4)
TOLERANCE = 1e-12  # of an array's largest entry: torch's 1 - z² and z (1 - z) lose some digits, sums a few


def assert_close(actual, expected, name=""):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale, err_msg=name)


def assert_same_as_torch(problem, by_torch):
    _, expected_deltas, expected = by_torch(problem)
    trace = forward(problem.network, problem.parameters, problem.batch)
    for layer, delta in enumerate(deltas(problem, trace)):
        assert_close(delta, expected_deltas[layer], f"delta {layer}")
    gradients = dict(named(backpropagate(problem)))
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert_close(gradient, expected[name], name)


class TestAgainstTorch:
    @staticmethod
    def check_against_torch(name, loss_and_output, depth, by_torch):
        loss, on, output = loss_and_output
        rng = np.random.default_rng([depth, len(name), len(loss)])
        problem = draw_problem(
            rng, activation_name=name, output=output, loss=loss, on=on, depth=depth, scale=0.4
        )  # weights so small that no softmax saturates: torch's loses its digits there (ours: below)
        assert_same_as_torch(problem, by_torch)

    def test_deltas_and_gradients_of_every_activation_loss_and_depth(self, by_torch):
        rows = pairwise(ACTIVATIONS, LOSSES_AND_OUTPUTS, DEPTHS)
        check_rows(partial(self.check_against_torch, by_torch=by_torch), rows)

    @pytest.mark.nightly
    def test_deltas_and_gradients_of_every_combination(self, by_torch):
        rows = product(ACTIVATIONS, LOSSES_AND_OUTPUTS, DEPTHS)
        check_rows(partial(self.check_against_torch, by_torch=by_torch), rows)

    def test_reductions_biases_and_masks(self, by_torch):
        penalties = (Penalty("l2", 0.1, 0.5), Penalty("l1", 0.3, 1.0, batch="mean", biases=True))

        def check(batch, outputs, bias, masked):
            rng = np.random.default_rng(11)
            problem = draw_problem(
                rng, depth=3, batch=batch, outputs=outputs, bias=bias, masked=masked, penalties=penalties
            )
            assert_same_as_torch(problem, by_torch)

        check_rows(check, product(("mean", "sum"), ("mean", "sum"), (True, False), (True, False)))

    @pytest.mark.parametrize(("loss", "on", "output"), [*LOSSES_AND_OUTPUTS[:4]], ids=str)
    def test_a_mask_on_the_output_is_applied_as_in_torch(self, loss, on, output, by_torch):
        problem = draw_problem(
            np.random.default_rng(12), loss=loss, on=on, output=output, depth=1, masked=True
        )
        assert_same_as_torch(problem, by_torch)

    @pytest.mark.parametrize("widths", [[1, 1], [1, 1, 1], [7, 1, 5], [20, 30, 10]], ids=str)
    @pytest.mark.parametrize("examples", [1, 13])
    def test_any_widths_and_batch_sizes_agree_with_torch(self, widths, examples, by_torch):
        rng = np.random.default_rng(13)
        assert_same_as_torch(draw_problem(rng, widths=widths, examples=examples, scale=0.4), by_torch)

    @pytest.mark.parametrize(("name", "options"), [("leaky_relu", {"slope": 0.3}), ("elu", {"alpha": 1.7})])
    def test_options_of_activations_agree_with_torch(self, name, options, by_torch):
        drawn = draw_problem(np.random.default_rng(14), depth=3)
        layers = tuple(
            dataclasses.replace(layer, activation=activation(name, **options))
            for layer in drawn.network.layers
        )
        assert_same_as_torch(dataclasses.replace(drawn, network=Network(layers)), by_torch)

    @pytest.mark.parametrize(("loss", "on", "output"), LOSSES_AND_OUTPUTS, ids=str)
    def test_the_problem_as_a_graph_has_the_same_gradient(self, loss, on, output, by_torch):
        rng = np.random.default_rng(15)
        penalties = (Penalty("l2", 0.1, 0.5, biases=True), Penalty("l1", 0.2, 1.0, batch="mean"))
        problem = draw_problem(
            rng, loss=loss, on=on, output=output, masked=True, depth=3, penalties=penalties
        )
        risk, _, expected = by_torch(problem)
        whole = graph_of(problem)
        assert whole.forward() == pytest.approx(risk, rel=1e-14)
        whole.backward()
        for name, gradient in expected.items():
            assert_close(whole.gradient(name), gradient, name)


EVERYTHING = {f"layers.{layer}.{kind}" for layer in range(3) for kind in ("weight", "bias")}
WEIGHTS = {name for name in EVERYTHING if name.endswith("weight")}


class TestEquations:
    """Each equation can be replaced; what comes before it in the recursion does not notice."""

    @staticmethod
    def double_weight(problem, trace, layer, delta):
        return 2.0 * CORRECT.weight_gradient(problem, trace, layer, delta)

    @staticmethod
    def double_bias(problem, trace, layer, delta):
        return 2.0 * CORRECT.bias_gradient(problem, trace, layer, delta)

    @staticmethod
    def double_hidden(problem, trace, layer, delta):
        factor = 2.0 if layer == 1 else 1.0
        return factor * CORRECT.hidden_delta(problem, trace, layer, delta)

    @staticmethod
    def double_output(problem, trace):
        return 2.0 * CORRECT.output_delta(problem, trace)

    @staticmethod
    def double_penalty(problem, trace, layer):
        gradient = CORRECT.penalty_gradient(problem, trace, layer)
        return LayerParameters(2.0 * gradient.weight, None if gradient.bias is None else 2.0 * gradient.bias)

    @pytest.mark.parametrize(
        ("field", "replacement", "changed", "changed_deltas"),
        [
            ("weight_gradient", double_weight, WEIGHTS, []),
            ("bias_gradient", double_bias, EVERYTHING - WEIGHTS, []),
            ("hidden_delta", double_hidden, {n for n in EVERYTHING if "layers.2" not in n}, [0, 1]),
            ("output_delta", double_output, EVERYTHING, [0, 1, 2]),
            ("penalty_gradient", double_penalty, WEIGHTS, []),
        ],
        ids=lambda case: case if isinstance(case, str) else "",
    )
    def test_replacing_one_changes_what_follows_from_it_and_nothing_else(
        self, field, replacement, changed, changed_deltas
    ):
        problem = draw_problem(np.random.default_rng(20), depth=3, penalties=(Penalty("l2", 0.1, 0.5),))
        trace = forward(problem.network, problem.parameters, problem.batch)
        other = dataclasses.replace(CORRECT, **{field: replacement})
        right, wrong = dict(named(gradients(problem, trace))), dict(named(gradients(problem, trace, other)))
        assert {name for name in right if not np.array_equal(right[name], wrong[name])} == changed
        pairs = zip(deltas(problem, trace), deltas(problem, trace, other), strict=True)
        assert [layer for layer, (a, b) in enumerate(pairs) if not np.array_equal(a, b)] == changed_deltas
        assert dict(named(backpropagate(problem, other))).keys() == right.keys()
        np.testing.assert_array_equal(
            dict(named(backpropagate(problem, other)))[min(changed)], wrong[min(changed)]
        )

    def test_every_equation_is_replaced_above(self):
        fields = {field.name for field in dataclasses.fields(Equations)}
        assert fields == {
            "output_delta",
            "hidden_delta",
            "weight_gradient",
            "bias_gradient",
            "penalty_gradient",
        }

    def test_the_penalty_of_l1_has_slope_0_at_0(self):
        problem = draw_problem(np.random.default_rng(21), widths=[2, 2], penalties=(Penalty("l1", 0.5, 1.0),))
        parameters = dataclasses.replace(problem.parameters[0], weight=[[0.0, 2.0], [-3.0, 0.0]])
        gradient = CORRECT.penalty_gradient(dataclasses.replace(problem, parameters=(parameters,)), None, 0)
        np.testing.assert_array_equal(gradient.weight, [[0.0, 0.5], [-0.5, 0.0]])
        np.testing.assert_array_equal(gradient.bias, [0.0, 0.0])


EXACT = {
    "identity": lambda a: a,
    "tanh": np.frompyfunc(mpmath.tanh, 1, 1),
    "sigmoid": np.frompyfunc(lambda a: 1 / (1 + mpmath.exp(-a)), 1, 1),
    "softmax": lambda a: (
        np.frompyfunc(mpmath.exp, 1, 1)(a) / np.frompyfunc(mpmath.exp, 1, 1)(a).sum(axis=-1, keepdims=True)
    ),
}
log = np.frompyfunc(lambda p: mpmath.log(p) if p else mpmath.mpf(0), 1, 1)
EXACT_LOSSES = {
    ("mse", "values"): lambda f, y: (f - y) ** 2 / 2,
    ("cross_entropy", "logits"): lambda f, y: -y * log(EXACT["softmax"](f)),
    ("cross_entropy", "probabilities"): lambda f, y: -y * log(f),
    ("binary_cross_entropy", "probabilities"): lambda f, y: -y * log(f) - (1 - y) * log(1 - f),
}


def exact_gradients(problem, many_digits):
    """Central differences of the textbook's forward pass, in digits enough for 1e-300 to be added to 1."""
    weights = {name: many_digits.array(w) for name, w in named(problem.parameters)}
    inputs, targets = many_digits.array(problem.batch.inputs), many_digits.array(problem.batch.targets)
    loss = EXACT_LOSSES[problem.risk.loss.name, problem.risk.on]

    def risk():
        z = inputs
        for index, layer in enumerate(problem.network.layers):
            z = EXACT[layer.activation.name](
                z @ weights[f"layers.{index}.weight"] + weights[f"layers.{index}.bias"]
            )
        return loss(z, targets).sum() / problem.batch.size

    gradients = {name: np.empty_like(w) for name, w in weights.items()}
    with mpmath.workdps(800):
        step = mpmath.mpf(10) ** -60
        for name, w in weights.items():
            for index in np.ndindex(*w.shape):
                at = w[index]
                w[index] = at + step
                above = risk()
                w[index] = at - step
                gradients[name][index] = (above - risk()) / (2 * step)
                w[index] = at
    return gradients


# what saturates: (hidden activation, loss, on, last activation, hidden bias, output weight, target)
EXTREMES = [
    ("a tanh at 20: slope 2e-17", "tanh", "mse", "values", "identity", 20.1, 0.7, 1.0),
    ("a tanh at -21: slope 2e-18", "tanh", "mse", "values", "identity", -21.3, 0.7, 1.0),
    ("a tanh at 300: slope 1e-260", "tanh", "mse", "values", "identity", 300.2, 0.7, 1.0),
    ("a sigmoid at 40: slope 4e-18", "sigmoid", "mse", "values", "identity", 40.3, 0.7, 1.0),
    ("a sigmoid at -42: slope 6e-19", "sigmoid", "mse", "values", "identity", -42.1, 0.7, 1.0),
    ("a saturated sigmoid output", "tanh", "mse", "values", "sigmoid", 0.3, 70.5, 0.0),
    ("a saturated softmax output", "tanh", "mse", "values", "softmax", 0.3, 70.5, 0.0),
    ("logits of ±1e4, certain and right", "tanh", "cross_entropy", "logits", "identity", 20.1, 1e4, 1.0),
    ("logits of ±1e4, certain and wrong", "tanh", "cross_entropy", "logits", "identity", 20.1, 1e4, 0.0),
    ("a softmax of 1e-300, right", "tanh", "cross_entropy", "probabilities", "softmax", 0.3, 590.0, 1.0),
    ("a softmax of 1e-300, wrong", "tanh", "cross_entropy", "probabilities", "softmax", 0.3, 590.0, 0.0),
    ("a softmax of 1e-4000, wrong", "sigmoid", "cross_entropy", "probabilities", "softmax", 3.2, 4600.0, 0.0),
    (
        "a sigmoid of 1e-300, wrong",
        "tanh",
        "binary_cross_entropy",
        "probabilities",
        "sigmoid",
        0.3,
        -1180.0,
        1.0,
    ),
    ("a sigmoid of 1 - 1e-30", "tanh", "binary_cross_entropy", "probabilities", "sigmoid", 0.3, 120.0, 1.0),
]


@pytest.mark.parametrize(
    ("hidden", "loss", "on", "output", "bias", "weight", "target"),
    [case[1:] for case in EXTREMES],
    ids=[case[0] for case in EXTREMES],
)
def test_gradients_keep_ten_digits_where_units_saturate(
    hidden, loss, on, output, bias, weight, target, many_digits
):
    """1e-10: a pre-activation of 1e4 is rounded to 1e-12, and the exponential magnifies that."""
    layers = (Layer(1, 1, activation(hidden)), Layer(1, 2, activation(output)))
    parameters = (LayerParameters([[0.25]], [bias]), LayerParameters([[weight, -weight]], [0.125, -0.25]))
    row = LOSSES[loss]
    batch = Batch([[0.5], [1.25]], [[target, 1.0 - target]] * 2)
    problem = Problem(Network(layers), parameters, batch, Risk(row, row.default_factor, on=on))
    gradients, exact = dict(named(backpropagate(problem))), exact_gradients(problem, many_digits)
    for name, gradient in gradients.items():
        assert np.isfinite(gradient).all()
        many_digits.assert_close(gradient, exact[name], 1e-10)


def test_gradients_are_read_only_and_have_the_shapes_of_their_parameters():
    problem = draw_problem(np.random.default_rng(30), depth=3)
    gradients = backpropagate(problem)
    for (name, gradient), (_, parameter) in zip(named(gradients), named(problem.parameters), strict=True):
        assert gradient.shape == parameter.shape, name
        assert not gradient.flags.writeable


def test_the_problem_is_not_changed():
    problem = draw_problem(np.random.default_rng(31), depth=3)
    before = [w.copy() for _, w in named(problem.parameters)]
    backpropagate(problem)
    for (name, after), old in zip(named(problem.parameters), before, strict=True):
        np.testing.assert_array_equal(after, old, err_msg=name)
