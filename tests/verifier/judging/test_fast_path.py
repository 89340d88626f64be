"""The fast path reports of right submissions what the full comparison reports, and accepts no others.

`entries="all"` asks for the full comparison.
"""

import numpy as np
import pytest

from reference_impl import backpropagate, forward, named
from tests.drawing import draw_problem
from tests.pairwise import each
from tests.verifier.builders import document_of_problem
from verifier import Report, verify
from verifier.documents.reading import read_submission
from verifier.engine.rounding_allowance import rounding
from verifier.judging.fast_path import accept_if_correct
from verifier.judging.statistics import BLOCK
from verifier.oracles import ask
from verifier.problem.precision import PRECISIONS

FIGURES = ("max_abs_error", "max_rel_error", "relative_norm_error", "cosine", "ratio")
SUMMED_OTHERWISE = 1e-14  # relative: 110,000 squares in another order


def right_submission(problem, **more) -> dict:
    answer = {name: np.array(value) for name, value in named(backpropagate(problem))}
    return document_of_problem(problem, gradients=answer) | more


def accepted(document: dict):
    submission = read_submission(document)
    problem = submission.problem
    trace = forward(problem.network, problem.parameters, problem.batch)
    float64_rounding = rounding(problem, trace, PRECISIONS["float64"])
    names = [name for name, _ in named(problem.parameters)]
    rounding_allowance = rounding(problem, trace, submission.precision)
    return accept_if_correct(names, submission.gradients, ask(problem, float64_rounding), rounding_allowance)


def assert_equal_reports(fast: Report, full: Report) -> None:
    assert fast.verdict is full.verdict
    assert fast.warnings == full.warnings
    for one, other in zip(fast.evidence, full.evidence, strict=True):
        assert one == other
    for name, one in fast.parameters.items():
        other = full.parameters[name]
        for field in ("shape", "verdict", "correct", "incorrect", "undecided", "uninformative", "to_rounding",
                      "subgradients", "zeros", "worst"):  # fmt: skip
            assert getattr(one, field) == getattr(other, field), (name, field)
        for figure in FIGURES:
            expected = getattr(other, figure)
            close = None if expected is None else pytest.approx(expected, rel=SUMMED_OTHERWISE, abs=0)
            assert getattr(one, figure) == close


@each(range(15))
def test_both_paths_give_the_same_report(seed):
    rng = np.random.default_rng([seed, 7])
    problem = draw_problem(
        rng,
        activation_name=["tanh", "sigmoid", "softplus", "relu", "identity"][seed % 5],
        loss=["mse", "cross_entropy"][seed % 2],
        widths=[int(n) for n in rng.integers(1, 9, size=3 + seed % 3)],
        examples=1 + seed % 6,
        bias=seed % 7 != 0,
        masked=seed % 4 == 0,
        scale=[1.0, 0.01, 3.0][seed % 3],
    )
    document = right_submission(problem)
    assert_equal_reports(verify(document), verify(document, entries="all"))


def test_both_paths_measure_an_answer_off_in_its_last_digits_alike():
    document = right_submission(draw_problem(np.random.default_rng(7), widths=[3, 5, 2], scale=3.0))
    for gradient in document["gradients"].values():
        gradient[...] = np.nextafter(gradient, np.inf)
    assert accepted(document) is not None
    assert_equal_reports(verify(document), verify(document, entries="all"))


def test_parameters_larger_than_a_block_are_judged_in_rows():
    problem = draw_problem(np.random.default_rng(1), widths=[300, 130, 5], examples=6, loss="mse")
    assert problem.parameters[0].weight.size > 2 * BLOCK
    document = right_submission(problem)
    assert accepted(document) is not None
    assert_equal_reports(verify(document), verify(document, entries="all"))


def test_the_fast_path_accepts_inputs_that_are_zero():
    problem = draw_problem(np.random.default_rng(2), widths=[8, 5, 3], examples=4)
    inputs = np.array(problem.batch.inputs)
    inputs[:, ::2] = 0.0
    document = right_submission(problem) | {"inputs": inputs}
    answer = backpropagate(read_submission(document).problem)
    document["gradients"] = {name: np.array(value) for name, value in named(answer)}
    summary = accepted(document)
    assert summary is not None
    assert summary.has_zeros
    assert summary.summaries["layers.0.weight"].uninformative == 20
    assert "zero-input" in {caution.code for caution in verify(document).warnings}


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g["layers.1.bias"].__setitem__(0, np.nan),
        lambda g: g["layers.0.weight"].__setitem__((0, 0), np.inf),
        lambda g: g["layers.0.weight"].__imul__(1.0 + 1e-9),
        lambda g: g["layers.1.weight"].__imul__(0.0),
        lambda g: g.pop("layers.1.bias"),
    ],
    ids=["NaN", "infinity", "1e-9 too large", "zero", "missing"],
)
def test_the_fast_path_accepts_nothing_that_is_off(change):
    problem = draw_problem(np.random.default_rng(3), widths=[4, 5, 3], examples=4)
    document = right_submission(problem)
    assert accepted(document) is not None
    change(document["gradients"])
    assert accepted(document) is None


def test_the_fast_path_accepts_no_unit_at_its_kink():
    problem = draw_problem(np.random.default_rng(4), activation_name="relu", widths=[3, 4, 2], examples=2)
    document = right_submission(problem)
    for name in ("layers.0.weight", "layers.0.bias"):
        document["parameters"][name] = np.zeros_like(document["parameters"][name])
    answer = backpropagate(read_submission(document).problem)
    document["gradients"] = {name: np.array(value) for name, value in named(answer)}
    assert accepted(document) is None
    assert "kink" in {caution.code for caution in verify(document).warnings}
