"""Gradients looked at row by row are the whole ones, whoever gives them."""

import numpy as np
import pytest

from reference_impl import backpropagate, forward, named
from reference_impl.risk import Penalty
from tests.drawing import draw_problem
from tests.verifier.documenting import document_of_problem
from verifier import sampled_units, verify
from verifier.by_rows import ALL, EstimatesByRows
from verifier.convention import Convention
from verifier.oracles import ORACLES
from verifier.precision import PRECISIONS
from verifier.rounding import rounding
from verifier.screening import screen

SUMMED_OTHERWISE = 1e-13  # relative to the largest: a product of few rows may add in another order
L2 = Penalty("l2", strength=0.1, factor=0.5, biases=True)


def asked(problem, oracle: str) -> EstimatesByRows:
    trace = forward(problem.network, problem.parameters, problem.batch)
    found = ORACLES[oracle].gradient(problem, rounding(problem, trace, PRECISIONS["float64"])).gradient
    assert isinstance(found, EstimatesByRows)
    return found


def hold_equal(found, expected) -> None:
    scale = np.abs(expected[np.isfinite(expected)]).max()
    np.testing.assert_allclose(found, expected, rtol=SUMMED_OTHERWISE, atol=SUMMED_OTHERWISE * scale)


@pytest.mark.parametrize("oracle", ["backpropagation", "finite_differences"])
@pytest.mark.parametrize("penalties", [(), (L2,)], ids=["no penalty", "l2"])
@pytest.mark.parametrize("budget", [sampled_units.BUDGET, 1], ids=["all units", "few units"])
def test_rows_are_those_of_the_whole(oracle, penalties, budget, monkeypatch):
    monkeypatch.setattr(sampled_units, "BUDGET", budget)
    problem = draw_problem(np.random.default_rng(0), widths=[7, 30, 5], examples=4, penalties=penalties)
    found = asked(problem, oracle)
    assert list(found) == [name for name, _ in named(problem.parameters)]
    for name, array in named(problem.parameters):
        for which in [ALL, slice(2, 4)] if array.ndim == 2 else [ALL]:
            rows, whole = found.rows(name, which), found[name]
            assert whole.value.shape == array.shape
            columns = slice(None) if rows.columns is None else rows.columns
            hold_equal(rows.value, whole.value[which][..., columns])
            hold_equal(rows.error, whole.error[which][..., columns])
            others = np.ones(array.shape[-1], dtype=bool)
            others[columns] = False
            assert np.isinf(whole.error[..., others]).all()


def test_a_name_that_is_none_is_refused():
    problem = draw_problem(np.random.default_rng(0))
    with pytest.raises(KeyError):
        asked(problem, "backpropagation")["layers.9.weight"]


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
    honest = rounding(problem, trace, PRECISIONS["float64"])
    plain = asked(problem, "backpropagation")
    before = {name: plain.rows(name, ALL) for name in plain}
    assert any((own.error > 1e-6 * honest.scale[name]).any() for name, own in before.items())
    assert plain.sharpened()
    after = {name: plain.rows(name, ALL) for name in plain}
    assert all((own.error < 1e-6 * honest.scale[name]).all() for name, own in after.items())
    for name in plain:
        distance = np.abs(after[name].value - before[name].value)
        assert (distance <= after[name].error + before[name].error).all()
    assert not plain.sharpened()

    answers = {"backpropagation": ORACLES["backpropagation"].gradient(problem, honest)}
    assert screen(list(right), right, answers, honest, Convention()) is not None
    report = verify(document_of_problem(problem, gradients=right))
    assert report.verdict == "correct"
