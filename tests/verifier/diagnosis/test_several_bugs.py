"""Several mistakes in several layers, found together; and under everything that a submission may lack."""

import numpy as np
import pytest

from reference_impl import Penalty, named
from tests.drawing import draw_problem
from tests.verifier.diagnosis.builders import ROUNDING, backward, rows, tanh_problem, verify_gradients
from verifier.report.reading import read_report

NO_SLOPE = {"hidden": lambda d, w, a, z: d @ w.T}
SLOPE_OF_Z = {"hidden": lambda d, w, a, z: (d @ w.T) * (1 - np.tanh(z) ** 2)}
UNTURNED = {"hidden": lambda d, w, a, z: (d @ w) * (1 - z * z)}
OUTPUT_FORM = {"hidden": lambda d, w, a, z: (d @ w.T) * (1 - a * a)}
OF_A = {"weight": lambda z, d, a: a.T @ d}
TURNED = {"weight": lambda z, d, a: (z.T @ d).T}
NO_BIAS = {"bias": lambda d: np.zeros(d.shape[1], d.dtype)}
LAST_BIAS = {"bias": lambda d: d[-1]}
SUMMED_BIAS = {"bias": lambda d: np.full(d.shape[1], d.sum())}

# layer and what is wrong there, twice; what is said, from the output to the input
PAIRS = {
    "g′ missing, a for z above": (
        {0: NO_SLOPE, 1: OF_A},
        [
            ("preactivation-as-input", 1, "weight_gradient"),
            ("missing-activation-derivative", 0, "hidden_delta"),
        ],
    ),
    "two wrong g′": (
        {0: SLOPE_OF_Z, 1: NO_SLOPE},
        [
            ("missing-activation-derivative", 1, "hidden_delta"),
            ("derivative-at-activation", 0, "hidden_delta"),
        ],
    ),
    "two biases": (
        {0: SUMMED_BIAS, 2: LAST_BIAS},
        [("bias-not-summed", 2, "bias_gradient"), ("bias-summed-over-units", 0, "bias_gradient")],
    ),
    "W for its transpose, no bias at the end": (
        {0: UNTURNED, 2: NO_BIAS},
        [("bias-zero", 2, "bias_gradient"), ("untransposed-weights", 0, "hidden_delta")],
    ),
    "g′ and a transposed gradient below it": (
        {1: OUTPUT_FORM, 0: TURNED},
        [
            ("output-form-at-preactivation", 1, "hidden_delta"),
            ("transposed-gradient", 0, "weight_gradient"),
        ],
    ),
}


def student_gradients(problem, wrong, dtype=np.float64):
    replaced = {}
    for layer, parts in wrong.items():
        for part, rule in parts.items():
            replaced.setdefault(part, {})[layer] = rule
    return backward(problem, **replaced, dtype=dtype)[0]


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("pair", PAIRS)
def test_two_mistakes_in_two_layers_are_two_rows_from_the_output_down(pair, precision):
    wrong, expected = PAIRS[pair]
    problem = tanh_problem(1)
    gradients = student_gradients(problem, wrong, np.dtype(precision).type)
    report = verify_gradients(problem, gradients, precision=precision)
    assert rows(report) == expected
    assert max(row.residual for row in report.diagnosis) <= ROUNDING[precision]


def test_three_mistakes_in_three_layers_are_three_rows():
    wrong = {2: SUMMED_BIAS, 1: OF_A, 0: NO_SLOPE}
    problem = tanh_problem(2)
    assert rows(verify_gradients(problem, student_gradients(problem, wrong))) == [
        ("bias-summed-over-units", 2, "bias_gradient"),
        ("preactivation-as-input", 1, "weight_gradient"),
        ("missing-activation-derivative", 0, "hidden_delta"),
    ]


def test_a_line_wrong_in_every_layer_is_one_row_that_names_its_layers():
    problem = tanh_problem(3)
    wrong = {1: NO_SLOPE, 0: NO_SLOPE}
    report = verify_gradients(problem, student_gradients(problem, wrong))
    assert rows(report) == [("missing-activation-derivative", 1, "hidden_delta")]
    (row,) = report.diagnosis
    assert row.layers == (1, 0)
    assert len(row.parameters) == 4
    assert "in layers 1 (tanh, 4 → 4) and 0 (tanh, 4 → 4)" in row.explanation
    assert report.to_dict()["diagnosis"][0]["layers"] == [1, 0]
    assert "missing-activation-derivative in layers 1 and 0 (hidden_delta)" in str(report)
    assert read_report(report.to_dict()).diagnosis[0].layers == (1, 0)


@pytest.mark.parametrize(
    "product",
    [
        lambda z, d, a: np.abs(z).T @ d,
        lambda z, d, a: np.sign(z.T @ d),
        lambda z, d, a: z.T @ d + 0.01,
    ],
    ids=["of |z|", "its sign", "0.01 more"],
)
@pytest.mark.parametrize("examples", [3, 12])
def test_wrong_weights_beside_right_biases_are_one_unexplained_product(product, examples):
    problem = tanh_problem(7, examples=examples)
    gradients, _ = backward(problem, weight=dict.fromkeys(range(3), product))
    report = verify_gradients(problem, gradients)
    assert rows(report) == [("unexplained", 2, "weight_gradient")]
    assert report.diagnosis[0].layers == (2, 1, 0)
    assert report.diagnosis[0].parameters == ("layers.2.weight", "layers.1.weight", "layers.0.weight")


def updated_while_going_back(problem, rate, *, bias=lambda d: d.sum(axis=0), softmax_output=False):
    """Return gradients of a program that updates the weights of each layer before δ goes through them."""
    z, weights = [problem.batch.inputs], [layer.weight for layer in problem.parameters]
    for weight, layer in zip(weights, problem.parameters, strict=True):
        a = z[-1] @ weight + layer.bias
        z.append(a if layer is problem.parameters[-1] else np.tanh(a))
    outputs = np.exp(z[-1]) / np.exp(z[-1]).sum(axis=1, keepdims=True) if softmax_output else z[-1]
    delta, gradients = (outputs - problem.batch.targets) / problem.batch.size, {}
    for layer in reversed(range(len(weights))):
        gradients[f"layers.{layer}.weight"] = z[layer].T @ delta
        gradients[f"layers.{layer}.bias"] = bias(delta)
        updated = weights[layer] - rate * gradients[f"layers.{layer}.weight"]
        delta = (delta @ updated.T) * (1 - z[layer] ** 2)
    return gradients


def nine_digits(gradients):
    digits = np.vectorize(lambda value: float(f"{value:.8e}"))
    return {name: digits(array) for name, array in gradients.items()}


def recovered(problem, gradients, rate=0.05):
    """Return (W − W′) / η for the updated weights W′ = W − η dW."""
    before = dict(named(problem.parameters))
    return {name: (before[name] - (before[name] - rate * array)) / rate for name, array in gradients.items()}


FORMS = {
    "exact": lambda problem, gradients: gradients,
    "nine digits": lambda problem, gradients: nine_digits(gradients),
    "from an update": recovered,
}


IN_FORMS = pytest.mark.parametrize(
    "form",
    ["nine digits", *(pytest.param(form, marks=pytest.mark.nightly) for form in ("exact", "from an update"))],
)


def mistakes_in(problem, gradients, form):
    report = verify_gradients(problem, FORMS[form](problem, gradients))
    notes = ("rounded", "inexact-numbers")
    return [(row.bug, row.layers or row.layer) for row in report.diagnosis if row.bug not in notes]


@IN_FORMS
@pytest.mark.parametrize(
    ("bias", "bug"),
    [
        (lambda d: np.full(d.shape[1], d.sum()), "bias-summed-over-units"),
        (lambda d: d.mean(axis=0), "bias-mean-for-sum"),
    ],
)
def test_wrong_biases_beside_weights_that_were_updated_are_both_named(form, bias, bug):
    problem = tanh_problem(0)
    gradients = updated_while_going_back(problem, 0.05, bias=bias)
    assert mistakes_in(problem, gradients, form) == [(bug, (2, 1, 0)), ("updated-weights", (1, 0))]


@IN_FORMS
@pytest.mark.parametrize(
    ("rate", "rest"), [(0.0, []), (0.05, [("updated-weights", 0)])], ids=["alone", "and updated weights"]
)
def test_a_softmax_without_its_jacobian_under_squared_error_is_named(form, rate, rest):
    problem = draw_problem(
        np.random.default_rng(71), widths=(4, 5, 3), examples=6, output="softmax", scale=0.7
    )
    gradients = updated_while_going_back(problem, rate, softmax_output=True)
    assert mistakes_in(problem, gradients, form) == [("softmax-jacobian-missing", 1), *rest]


@IN_FORMS
@pytest.mark.parametrize("batch", ["none", "mean"])
def test_a_penalty_of_the_gradient_beside_averaged_biases_is_named(form, batch):
    problem = tanh_problem(1, penalties=(Penalty("l2", 0.3, 0.5, batch=batch),))
    gradients, _ = backward(problem, bias=dict.fromkeys(range(3), lambda d: d.mean(axis=0)))
    factor = 1.3 if batch == "none" else 1.0 + 0.3 / problem.batch.size
    for layer in range(3):
        gradients[f"layers.{layer}.weight"] *= factor
    expected = [("penalty-of-gradient", None), ("bias-mean-for-sum", (2, 1, 0))]
    assert mistakes_in(problem, gradients, form) == expected


def test_a_scale_of_the_whole_loss_and_a_mistake_in_a_layer_are_both_named():
    problem = tanh_problem(4)
    gradients, _ = backward(problem, output=lambda f, y: f - y, weight={1: OF_A["weight"]})
    diagnosis = rows(verify_gradients(problem, gradients))
    assert diagnosis == [
        ("batch-sum-for-mean", None, "loss"),
        ("preactivation-as-input", 1, "weight_gradient"),
    ]


MISSING = {
    "all biases": ["layers.0.bias", "layers.1.bias", "layers.2.bias"],
    "the weight whose δ is wrong": ["layers.1.weight"],
    "the layers above": ["layers.1.weight", "layers.1.bias", "layers.2.weight", "layers.2.bias"],
    "the layer below": ["layers.0.weight", "layers.0.bias"],
    "all but one weight": [
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.bias",
        "layers.2.weight",
        "layers.2.bias",
    ],
}


@pytest.mark.parametrize("missing", MISSING)
def test_missing_parameters_hide_no_mistake_of_others(missing):
    problem = tanh_problem(5)
    gradients = student_gradients(problem, {1: SLOPE_OF_Z})
    submitted = {name: array for name, array in gradients.items() if name not in MISSING[missing]}
    report = verify_gradients(problem, submitted)
    assert rows(report) == [("derivative-at-activation", 1, "hidden_delta")]
    assert set(report.diagnosis[0].parameters) <= set(gradients)


def test_nothing_handed_in_is_no_mistake_of_backpropagation():
    report = verify_gradients(tanh_problem(5), {})
    assert (report.verdict, report.diagnosis) == ("incorrect", ())


@pytest.mark.parametrize("pair", [name for name in PAIRS if "bias" not in name])
def test_networks_without_biases_are_diagnosed(pair):
    wrong, expected = PAIRS[pair]
    problem = tanh_problem(6, bias=False)
    assert rows(verify_gradients(problem, student_gradients(problem, wrong))) == expected
