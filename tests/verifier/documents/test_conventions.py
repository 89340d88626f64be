"""One problem, every way to write it down: the same numbers as PyTorch's autograd in that very layout."""

import itertools
from typing import Any

import numpy as np
import pytest

from reference_impl import Penalty
from reference_impl.network import named
from tests.drawing import draw_problem
from tests.pairwise import check_rows, pairwise
from tests.verifier.builders import document_of_problem, nested_lists
from tests.verifier.native import loss_and_gradients
from verifier import Verdict, verify
from verifier.documents.files import parse_bytes, write_document
from verifier.documents.reading import read_submission
from verifier.documents.writing import submission_to_document

CLASSES = {"loss": "cross_entropy", "on": "logits"}
LAYOUTS = list(
    itertools.product(("in_out", "out_in"), ("rows", "columns"), ("(out,)", "(1, out)", "(out, 1)"))
)
PROBLEMS: dict[str, dict[str, Any]] = {
    "class indices": CLASSES | {"classes": True},
    "one-hot targets": CLASSES,
    "mean over outputs": {"outputs": "mean"},
    "sum over examples": {"batch": "sum"},
    "mean over outputs, sum over examples": {"outputs": "mean", "batch": "sum"},
    "no biases": {"bias": False},
    "dropout masks": {"masked": True},
    "l2": {"penalties": (Penalty("l2", 0.3, 0.5),)},
    "l2 without its half": {"penalties": (Penalty("l2", 0.3, 1.0),)},
    "l2 over the batch": {"penalties": (Penalty("l2", 0.3, 0.5, "mean"),)},
    "l2 on biases": {"penalties": (Penalty("l2", 0.3, 0.5, biases=True),)},
    "l1": {"penalties": (Penalty("l1", 0.2, 1.0),)},
    "l1 over the batch, on biases": {"penalties": (Penalty("l1", 0.2, 1.0, "mean", True),)},
    "l1 and l2": {"penalties": (Penalty("l2", 0.3, 0.5), Penalty("l1", 0.2, 1.0))},
    "penalties, masks, sums": {
        "penalties": (Penalty("l2", 0.3, 0.5, "mean", True),),
        "masked": True,
        "batch": "sum",
    },
    "binary cross entropy": {"loss": "binary_cross_entropy", "on": "logits", "outputs": "mean"},
    "cross entropy of a softmax": {
        "loss": "cross_entropy",
        "on": "probabilities",
        "output": "softmax",
        "classes": True,
    },
    "binary cross entropy of a sigmoid": {
        "loss": "binary_cross_entropy",
        "on": "probabilities",
        "output": "sigmoid",
    },
    "leaky_relu": {"activation_name": "leaky_relu"},
    "softmax inside": {"activation_name": "softmax"},
    "one example": {"examples": 1},
    "one output": {"widths": (3, 4, 1)},
    "square layers, where no shape tells a transposition": {"widths": (4, 4, 4), "examples": 4},
}
ROWS = pairwise(PROBLEMS, ("in_out", "out_in"), ("rows", "columns"), ("(out,)", "(1, out)", "(out, 1)"))


def document(fields: dict[str, Any], layout: tuple[str, ...]) -> dict[str, Any]:
    weights, examples, bias_shape = layout
    fields = dict(fields)
    classes = fields.pop("classes", False)
    problem = draw_problem(np.random.default_rng(5), **fields)
    return document_of_problem(
        problem, weights=weights, examples=examples, bias_shape=bias_shape, classes=classes
    )


def check_correct_to_rounding(problem: str, *layout: str) -> None:
    written = document(PROBLEMS[problem], layout)
    loss, gradients = loss_and_gradients(written)
    report = verify(written | {"reported_loss": loss}, oracles=["backpropagation"], entries="all")
    assert report.verdict is Verdict.CORRECT
    assert report.loss.verdict is Verdict.CORRECT
    assert report.loss.value == pytest.approx(loss, rel=1e-13)  # two summation orders in float64
    for name, gradient in gradients.items():
        parameter_report = report.parameters[name]
        assert parameter_report.to_rounding == gradient.size
        assert parameter_report.entries.expected.shape == gradient.shape
        np.testing.assert_allclose(parameter_report.entries.expected, gradient, rtol=1e-11, atol=1e-13)


def check_round_trip(problem: str, *layout: str) -> None:
    first = read_submission(document(PROBLEMS[problem], layout))
    again = read_submission(parse_bytes(write_document(submission_to_document(first), "json")))
    assert again.convention == first.convention
    assert again.graded_under == first.graded_under
    assert again.precision == first.precision
    assert [layer.bias for layer in again.problem.network.layers] == [
        layer.bias for layer in first.problem.network.layers
    ]
    for (name, array), (_, same) in zip(
        named(first.problem.parameters), named(again.problem.parameters), strict=True
    ):
        np.testing.assert_array_equal(array, same)
        np.testing.assert_array_equal(first.gradients[name], again.gradients[name])
    np.testing.assert_array_equal(first.problem.batch.inputs, again.problem.batch.inputs)
    np.testing.assert_array_equal(first.problem.batch.targets, again.problem.batch.targets)
    assert first.problem.batch.masks.keys() == again.problem.batch.masks.keys()
    for index, mask in first.problem.batch.masks.items():
        np.testing.assert_array_equal(mask, again.problem.batch.masks[index])


def check_shapes(problem: str, *layout: str) -> None:
    original = document(PROBLEMS[problem], layout)
    written = submission_to_document(read_submission(original))
    for group in ("parameters", "gradients"):
        for name, array in original[group].items():
            np.testing.assert_array_equal(written[group][name], array)
    np.testing.assert_array_equal(written["inputs"], original["inputs"])


def test_pytorchs_gradients_in_the_same_layout_are_correct_to_rounding():
    check_rows(check_correct_to_rounding, ROWS)


def test_what_was_read_is_written_back_as_an_equivalent_document():
    check_rows(check_round_trip, ROWS)


def test_a_written_document_keeps_the_submissions_own_shapes():
    check_rows(check_shapes, ROWS)


@pytest.mark.nightly
@pytest.mark.parametrize("check", [check_correct_to_rounding, check_round_trip, check_shapes])
def test_every_problem_passes_in_every_layout(check):
    check_rows(check, [(problem, *layout) for problem in PROBLEMS for layout in LAYOUTS])


def test_all_twelve_layouts_of_one_problem_have_the_same_internal_numbers():
    fields = {"activation_name": "sigmoid", "penalties": (Penalty("l2", 0.3, 0.5),), "masked": True}
    submissions = [read_submission(document(fields, layout)) for layout in LAYOUTS]
    for other in submissions[1:]:
        for name, gradient in submissions[0].gradients.items():
            # the same sums by matrix products of other shapes
            np.testing.assert_allclose(other.gradients[name], gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", ["cross_entropy", {"name": "cross_entropy", "on": "logits"}])
def test_soft_targets_are_a_distribution_over_classes(loss):
    problem = draw_problem(np.random.default_rng(6), **CLASSES)
    written = document_of_problem(problem)
    written["targets"] = np.random.default_rng(7).dirichlet(np.ones(2), size=4)
    _, written["gradients"] = loss_and_gradients(written)
    assert verify(written | {"loss": loss}).verdict is Verdict.CORRECT


def test_a_flat_list_of_targets_serves_a_network_with_one_output():
    problem = draw_problem(np.random.default_rng(8), widths=(3, 4, 1))
    rows = document_of_problem(problem)
    flat = rows | {"targets": rows["targets"].ravel()}
    columns = document_of_problem(problem, examples="columns")
    columns["targets"] = columns["targets"].ravel()
    for written in (rows, flat, columns):
        assert verify(nested_lists(written)).verdict is Verdict.CORRECT


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"loss": "mse"}, {"loss": {"name": "mse", "factor": 0.5, "batch": "mean", "outputs": "sum"}}),
        (
            {"loss": {"name": "mse", "l2": {"strength": 0.1}, "l1": {"strength": 0.2}}},
            {
                "loss": {
                    "name": "mse",
                    "l2": {"strength": 0.1, "factor": 0.5, "batch": "none", "biases": False},
                    "l1": {"strength": 0.2, "factor": 1, "batch": "none", "biases": False},
                }
            },
        ),
        (
            {"loss": "binary_cross_entropy"},
            {"loss": {"name": "binary_cross_entropy", "on": "logits", "factor": 1, "outputs": "sum"}},
        ),
    ],
    ids=["mse", "penalties", "binary cross entropy"],
)
def test_fields_left_out_have_the_contracts_defaults(short, long):
    written = nested_lists(document_of_problem(draw_problem(np.random.default_rng(9))))
    first, second = (verify(written | fields, diagnosis=False).loss for fields in (short, long))
    assert first.value == second.value
    assert first.graded_under == second.graded_under


def test_activations_have_the_contracts_default_slope_and_their_own():
    values = {}
    for name in ("leaky_relu", {"name": "leaky_relu", "slope": 0.01}, {"name": "leaky_relu", "slope": 0.3}):
        written = document_of_problem(draw_problem(np.random.default_rng(10)))
        written["network"]["layers"][0]["activation"] = name
        loss, written["gradients"] = loss_and_gradients(written)
        assert verify(written).verdict is Verdict.CORRECT
        assert verify(written).loss.value == pytest.approx(loss, rel=1e-13)
        values[str(name)] = loss
    assert len(set(values.values())) == 2
