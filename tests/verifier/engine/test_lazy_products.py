"""Gradients looked at row by row are the whole ones, whoever gives them."""

from dataclasses import replace

import numpy as np
import pytest

from reference_impl import Batch, LayerParameters, backpropagate, forward, named
from reference_impl.losses import Penalty
from tests.drawing import draw_problem
from tests.verifier.builders import document_of_problem
from verifier import verify
from verifier.engine.lazy_products import ALL, LazyEstimates
from verifier.engine.rounding_allowance import rounding
from verifier.judging.fast_path import accept_if_correct
from verifier.judging.statistics import BLOCK
from verifier.oracles import answer_of
from verifier.oracles import finite_differences as sampled_units
from verifier.problem.precision import PRECISIONS

SUMMED_OTHERWISE = 1e-13  # relative to the largest: a product of few rows may add in another order
L2 = Penalty("l2", strength=0.1, factor=0.5, biases=True)


def gradient_of(problem, oracle: str) -> LazyEstimates:
    trace = forward(problem.network, problem.parameters, problem.batch)
    estimates = answer_of(oracle, problem, rounding(problem, trace, PRECISIONS["float64"])).gradient
    assert isinstance(estimates, LazyEstimates)
    return estimates


def assert_close(actual, expected) -> None:
    scale = np.abs(expected[np.isfinite(expected)]).max()
    np.testing.assert_allclose(actual, expected, rtol=SUMMED_OTHERWISE, atol=SUMMED_OTHERWISE * scale)


@pytest.mark.parametrize("oracle", ["backpropagation", "finite_differences"])
@pytest.mark.parametrize("penalties", [(), (L2,)], ids=["no penalty", "l2"])
@pytest.mark.parametrize("budget", [sampled_units.BUDGET, 1], ids=["all units", "few units"])
def test_rows_are_those_of_the_whole(oracle, penalties, budget, monkeypatch):
    monkeypatch.setattr(sampled_units, "BUDGET", budget)
    problem = draw_problem(np.random.default_rng(0), widths=[7, 30, 5], examples=4, penalties=penalties)
    estimates = gradient_of(problem, oracle)
    assert list(estimates) == [name for name, _ in named(problem.parameters)]
    for name, array in named(problem.parameters):
        for which in [ALL, slice(2, 4)] if array.ndim == 2 else [ALL]:
            rows, whole = estimates.rows(name, which), estimates[name]
            assert whole.value.shape == array.shape
            columns = slice(None) if rows.columns is None else rows.columns
            assert_close(rows.value, whole.value[which][..., columns])
            assert_close(rows.error, whole.error[which][..., columns])
            others = np.ones(array.shape[-1], dtype=bool)
            others[columns] = False
            assert np.isinf(whole.error[..., others]).all()


def test_a_name_that_is_none_is_refused():
    problem = draw_problem(np.random.default_rng(0))
    with pytest.raises(KeyError):
        gradient_of(problem, "backpropagation")["layers.9.weight"]


def test_rows_too_vague_to_judge_by_are_worked_out_more_sharply():
    """Where products of six layers are enclosed one after the other, radii widen a hundredfold each time."""
    problem = draw_problem(
        np.random.default_rng(1),
        widths=[8, *[130] * 5, 3],
        examples=6,
        activation_name="identity",
        scale=0.05,
    )
    right = {name: np.array(value) for name, value in named(backpropagate(problem))}
    trace = forward(problem.network, problem.parameters, problem.batch)
    float64_rounding = rounding(problem, trace, PRECISIONS["float64"])
    plain = gradient_of(problem, "backpropagation")
    before = {name: plain.rows(name, ALL) for name in plain}
    assert any(
        (estimate.error > 1e-6 * float64_rounding.scale[name]).any() for name, estimate in before.items()
    )
    assert plain.sharpened()
    after = {name: plain.rows(name, ALL) for name in plain}
    assert all(
        (estimate.error < 1e-6 * float64_rounding.scale[name]).all() for name, estimate in after.items()
    )
    for name in plain:
        distance = np.abs(after[name].value - before[name].value)
        assert (distance <= after[name].error + before[name].error).all()
    assert not plain.sharpened()

    answers = {"backpropagation": answer_of("backpropagation", problem, float64_rounding)}
    assert accept_if_correct(list(right), right, answers, float64_rounding) is not None
    document = document_of_problem(problem, gradients=right)
    fast, full = verify(document), verify(document, entries="all")
    assert fast.verdict == "correct"
    for name, row in fast.parameters.items():
        assert row.max_abs_error == full.parameters[name].max_abs_error  # one reference for all of them


def test_a_bias_larger_than_a_block_is_looked_at_whole():
    problem = draw_problem(np.random.default_rng(0), widths=[2, BLOCK + 3], examples=2)
    right = {name: np.array(value) for name, value in named(backpropagate(problem))}
    report = verify(document_of_problem(problem, gradients=right), oracles=["backpropagation"])
    assert {name: row.correct for name, row in report.parameters.items()} == {
        name: array.size for name, array in right.items()
    }
    right["layers.0.bias"][-1] += 1.0
    wrong = document_of_problem(problem, gradients=right)
    report = verify(wrong, oracles=["backpropagation"], diagnosis=False)
    assert report.parameters["layers.0.bias"].incorrect == 1


def test_differences_that_cross_a_kink_everywhere_tell_nothing():
    drawn = draw_problem(np.random.default_rng(0), widths=[3, 1], output="relu", examples=1, bias=False)
    batch = Batch(np.abs(drawn.batch.inputs) * 1e-7, drawn.batch.targets)  # closer to 0 than a step
    weight = np.abs(drawn.parameters[0].weight)
    problem = replace(drawn, batch=batch, parameters=(LayerParameters(weight, None),))
    right = {name: np.array(value) for name, value in named(backpropagate(problem))}
    report = verify(document_of_problem(problem, gradients=right))
    assert report.verdict == "correct"
    assert {row.oracle: row.entries for row in report.evidence}["finite_differences"] == 0


def test_what_underflow_leaves_is_no_reason_for_sharper_products():
    """Units that are off have gradients of 0, known to the smallest number, which NaN does not meet."""
    problem = draw_problem(np.random.default_rng(5), activation_name="relu", widths=[3, 6, 2], examples=1)
    estimates = gradient_of(problem, "backpropagation")
    assert ((estimates["layers.1.weight"].value == 0) & (estimates["layers.1.weight"].error > 0)).any()
    before = {name: estimate.value.tobytes() for name, estimate in estimates.items()}
    right = {name: np.array(value) for name, value in named(backpropagate(problem))}
    right["layers.1.weight"][estimates["layers.1.weight"].value == 0] = np.nan
    trace = forward(problem.network, problem.parameters, problem.batch)
    float64_rounding = rounding(problem, trace, PRECISIONS["float64"])
    answers = {"backpropagation": answer_of("backpropagation", problem, float64_rounding)}
    assert accept_if_correct(list(right), right, answers, float64_rounding) is None
    after = {name: estimate.value.tobytes() for name, estimate in answers["backpropagation"].gradient.items()}
    assert after == before
    assert not gradient_of(problem, "backpropagation").sharpened()
