"""Errors in float32 are held against those of correct programs on the same problem."""

import numpy as np
import pytest

from benchmarks.support.random_problems import draw
from benchmarks.support.structured import draw_structured
from benchmarks.support.students import numpy_student
from reference_impl import Problem, backpropagate, forward, named
from tests.pairwise import each
from verifier import verify
from verifier.engine.float32_runs import RUNS, float32_run
from verifier.engine.rounding_allowance import rounding
from verifier.problem.precision import PRECISIONS
from verifier.problem.submission import TOLERANCES, Convention, Submission

FLOAT32 = PRECISIONS["float32"]


def judge(problem, gradients, tolerance="strict"):
    submission = Submission(None, problem, gradients, FLOAT32, None, TOLERANCES[tolerance], Convention(), {})
    return verify(submission, oracles=["backpropagation"])


def trace_of(problem: Problem):
    return forward(problem.network, problem.parameters, problem.batch)


@each(range(20))
def test_a_run_errs_by_less_than_the_allowance(seed):
    problem = draw(np.random.default_rng([seed, 16]))
    allowed = rounding(problem, trace_of(problem), FLOAT32)
    if any(kinks.any() for kinks in allowed.kinks):
        return  # the slope may be the other one
    for number in range(RUNS):
        run = float32_run(problem, trace_of(problem), number)
        for name, right in named(backpropagate(problem)):
            assert run[name].dtype == np.float32
            error = np.abs(run[name].astype(float) - right)
            known = np.isfinite(run[name]) & np.isfinite(allowed.allowance[name])
            assert (error <= allowed.allowance[name])[known].all(), name


def test_a_run_sums_in_a_loop_what_it_sums_as_a_product():
    rng = np.random.default_rng(3)
    problem = draw_structured(rng, "normal")
    run = float32_run(problem, trace_of(problem), 0)
    for name in run:
        entries = np.unravel_index(np.arange(run[name].size), run[name].shape)
        np.testing.assert_allclose(run.summed_in_a_loop(name, entries), run[name].ravel(), atol=1e-4)


@pytest.mark.parametrize("kind", ["one example repeated", "truth table", "normal"])
def test_ten_times_the_rounding_of_a_program_is_not_correct(kind):
    problem = draw_structured(np.random.default_rng(5), kind)
    right = dict(named(backpropagate(problem)))
    scale = rounding(problem, trace_of(problem), FLOAT32).scale
    rng = np.random.default_rng(0)
    gradients = numpy_student(problem, "float32", "sequential", rng)
    gradients = {name: array.astype(float) for name, array in gradients.items()}
    assert judge(problem, gradients).verdict == "correct"
    with np.errstate(all="ignore"):
        committed = max(np.nanmax(np.abs(gradients[n] - right[n]) / scale[n]) for n in right)
    name = "layers.0.weight"
    index = np.unravel_index(np.argmax(scale[name]), scale[name].shape)
    gradients[name][index] = right[name][index] + 10 * committed * scale[name][index]
    assert judge(problem, gradients).verdict != "correct"


def test_an_error_within_the_allowance_is_undecided_with_a_warning():
    rng = np.random.default_rng(5)
    problem = draw_structured(rng, "one example repeated")
    allowed = rounding(problem, trace_of(problem), FLOAT32)
    gradients = {name: array.copy() for name, array in named(backpropagate(problem))}
    gradients["layers.0.weight"][0, 0] += 0.9 * allowed.allowance["layers.0.weight"][0, 0]
    report = judge(problem, gradients)
    assert (report.verdict, report.parameters["layers.0.weight"].undecided) == ("undecided", 1)
    assert "near-rounding" in {warning.code for warning in report.warnings}
    assert report.diagnosis == ()


def test_a_tolerance_adds_to_what_the_runs_explain():
    problem = draw_structured(np.random.default_rng(5), "one example repeated")
    allowed = rounding(problem, trace_of(problem), FLOAT32)
    gradients = {name: array.copy() for name, array in named(backpropagate(problem))}
    gradients["layers.0.weight"][0, 0] += 0.9 * allowed.allowance["layers.0.weight"][0, 0]
    assert judge(problem, gradients, "lenient").verdict == "correct"
