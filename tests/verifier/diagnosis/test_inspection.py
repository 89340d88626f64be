"""Inspection of problems: every bug is made and counted, and the report names the remedy."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from reference_impl import Problem
from tests.drawing import draw_problem
from tests.verifier.builders import document_of_problem, small_document
from verifier import inspect, load, verify
from verifier.documents.files import write_document
from verifier.documents.reading import read_submission
from verifier.examples.layers import DEFAULT_EXAMPLE, EXAMPLES, example_document, informative_document
from verifier.problem.errors import MalformedSubmission


def random_problem(**options):
    return draw_problem(np.random.default_rng(91), **({"widths": (3, 4, 2), "examples": 5} | options))


@cache
def informative_example():
    return informative_document(example_document(DEFAULT_EXAMPLE))


def row_of(inspection, bug):
    return next(row for row in inspection.bugs if row.bug == bug)


def places(row, which):
    return {(at.layer, at.equation) for at in getattr(row, which)}


def test_one_example_hides_a_missing_mean():
    inspection = inspect(random_problem(examples=1))
    row = row_of(inspection, "batch-sum-for-mean")
    assert (row.caught, row.missed) == (0, 1)
    assert places(row, "missed_at") == {(None, "loss")}
    assert inspection.mutation_score < 1
    assert any(advice.startswith("one example:") for advice in inspection.advice)
    assert "batch-sum-for-mean: 0 of 1, missed at the whole network (loss)" in str(inspection)


def test_two_examples_confuse_a_missing_mean_with_a_missing_two():
    inspection = inspect(random_problem(examples=2, widths=(3, 4, 3)))
    assert "factor-two" in row_of(inspection, "batch-sum-for-mean").confused_with
    assert "batch-sum-for-mean" in row_of(inspection, "factor-two").confused_with
    assert any(advice.startswith("two examples:") for advice in inspection.advice)
    other = inspect(random_problem(examples=5, widths=(3, 4, 3)))
    assert "factor-two" not in row_of(other, "batch-sum-for-mean").confused_with


def test_a_dead_layer_hides_what_is_behind_it():
    problem = random_problem(activation_name="relu")
    first, second = problem.parameters
    dead = replace(problem, parameters=(replace(first, bias=np.full(4, -50.0)), second))
    inspection = inspect(dead)
    assert inspection.uninformative["layers.0.weight"] == 12
    assert inspection.uninformative["layers.0.bias"] == 4
    assert any(warning.code.startswith("dead") for warning in inspection.warnings)
    assert places(row_of(inspection, "activated-input"), "missed_at") >= {(0, "weight_gradient")}
    assert inspection.mutation_score < inspect(problem).mutation_score


def test_a_linear_layer_hides_its_derivative_and_is_not_blamed_for_it():
    inspection = inspect(random_problem(activation_name="identity"))
    row = row_of(inspection, "missing-activation-derivative")
    assert row.caught == row.missed == 0
    assert places(row, "hidden_at") == {(0, "hidden_delta")}
    assert any(advice.startswith("a linear hidden layer") for advice in inspection.advice)


def test_a_single_layer_has_no_hidden_delta():
    inspection = inspect(random_problem(widths=(3, 2)))
    made = {row.bug for row in inspection.bugs}
    assert "updated-weights" not in made
    assert any(advice.startswith("a single layer:") for advice in inspection.advice)


def test_an_input_of_zero_in_all_examples_is_told():
    problem = random_problem()
    inputs = problem.batch.inputs * np.array([1.0, 0.0, 1.0])
    inspection = inspect(replace(problem, batch=replace(problem.batch, inputs=inputs)))
    assert inspection.uninformative["layers.0.weight"] == 4
    assert any(advice.startswith("an input that is 0") for advice in inspection.advice)


def test_a_strong_example_reveals_and_separates_everything():
    inspection = inspect(informative_example())
    assert inspection.mutation_score == 1.0
    assert [row.bug for row in inspection.bugs if row.missed or row.confused_with] == []
    assert str(inspection).endswith("mutation score: 100.0%")
    assert verify(informative_example(), oracles=("backpropagation", "autograd")).verdict == "correct"


@pytest.mark.parametrize("name", ["sigmoid-mse", "pytorch", "columns"])
def test_strong_numbers_keep_network_loss_and_conventions(name):
    like = example_document(name)
    document = informative_document(like)
    expected, got = read_submission(like), read_submission(document)
    assert got.problem.network == expected.problem.network or [
        (a.inputs, a.outputs, a.bias, a.activation.name) for a in got.problem.network.layers
    ] == [(a.inputs, a.outputs, a.bias, a.activation.name) for a in expected.problem.network.layers]
    assert got.graded_under == expected.graded_under
    assert got.convention.weights == expected.convention.weights
    assert got.convention.examples == expected.convention.examples
    for parameter, array in like["parameters"].items():
        assert np.shape(document["parameters"][parameter]) == np.shape(array)
    assert verify(document, oracles=("backpropagation", "autograd")).verdict == "correct"
    assert inspect(document).mutation_score >= inspect(like).mutation_score
    json.dumps(document, allow_nan=False)


@pytest.mark.parametrize("name", ["sigmoid-mse", "every-equation"])
def test_a_score_is_a_share_and_its_rows_add_up(name):
    assert name in EXAMPLES
    inspection = inspect(example_document(name))
    assert 0 < inspection.mutation_score <= 1
    for row in inspection.bugs:
        assert row.made == row.caught + row.missed + row.hidden > 0
        assert bool(row.missed) == bool(row.missed_at)
        assert bool(row.hidden) == bool(row.hidden_at)
        assert not set(row.confused_with) & {row.bug, *row.same_here_as}
    caught = [row.caught / (row.caught + row.missed) for row in inspection.bugs if row.caught + row.missed]
    assert inspection.mutation_score == pytest.approx(sum(caught) / len(caught), rel=1e-12)
    document = json.loads(json.dumps(inspection.to_dict(), allow_nan=False))
    assert document["schema"] == "gradjury.inspection/1"
    assert document["name"] == name
    assert document["mutation_score"] == inspection.mutation_score
    assert [row["bug"] for row in document["bugs"]] == [row.bug for row in inspection.bugs]


def test_documents_files_and_problems_are_inspected_alike(tmp_path):
    problem = random_problem()
    document = document_of_problem(problem)
    path = tmp_path / "problem.npz"
    path.write_bytes(write_document(document, "npz"))
    assert isinstance(problem, Problem)
    expected = [inspect(problem), inspect(document), inspect(load(path)), inspect(read_submission(document))]
    assert all(other == expected[0] for other in expected)
    without = {field: value for field, value in document.items() if field != "gradients"}
    assert inspect(without) == expected[0]


def test_a_loose_tolerance_reveals_less():
    document = small_document()
    strict, lenient = (
        inspect(document | {"tolerance": name}) for name in ("strict", {"rtol": 0.5, "atol": 0})
    )
    assert lenient.mutation_score <= strict.mutation_score
    assert sum(row.caught for row in lenient.bugs) < sum(row.caught for row in strict.bugs)


def test_a_malformed_problem_names_every_mistake():
    with pytest.raises(MalformedSubmission) as raised:
        inspect({"network": {"layers": 3}, "loss": "mae"})
    assert len(raised.value.errors) > 1
