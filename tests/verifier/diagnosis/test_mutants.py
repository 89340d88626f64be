"""Every bug of the catalogue, made in places and forms that four networks allow, is found again."""

from functools import cache

import numpy as np
import pytest

from reference_impl import Penalty, forward, named
from tests.drawing import draw_problem
from tests.verifier.diagnosis.builders import ROUNDING, judged
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.mutants import mutants

PROBLEMS = {
    "relu, cross entropy, l2 on biases too": {
        "activation_name": "relu",
        "loss": "cross_entropy",
        "widths": (4, 4, 4, 3),
        "examples": 5,
        "penalties": (Penalty("l2", 0.1, 0.5, "mean", True),),
    },
    "tanh, squared error over sigmoids, a mask": {
        "output": "sigmoid",
        "widths": (4, 4, 4, 4),
        "examples": 6,
        "outputs": "mean",
        "masked": True,
    },
    "sigmoid, cross entropy of a softmax": {
        "activation_name": "sigmoid",
        "output": "softmax",
        "loss": "cross_entropy",
        "on": "probabilities",
        "batch": "sum",
        "widths": (3, 5, 4, 3),
        "examples": 7,
    },
    "one layer, l2 on weights alone": {
        "widths": (3, 2),
        "examples": 3,
        "penalties": (Penalty("l2", 0.1, 0.5),),
    },
}
MOST_FORMS = 2  # tried of each bug, evenly among places and forms; the benchmark tries all
# no gradient is made for these: they are told from a submission's own numbers
UNMADE = {"overflow", "numerical-gradient", "lower-precision-than-declared", "unexplained"}


@cache
def made(which):
    problem = draw_problem(np.random.default_rng([29, len(which)]), **PROBLEMS[which])
    return problem, list(mutants(problem, forward(problem.network, problem.parameters, problem.batch)))


def test_all_bugs_can_be_made_but_those_that_are_told_from_the_numbers_handed_in():
    assert {mutant.bug.id for which in PROBLEMS for mutant in made(which)[1]} == BUGS.keys() - UNMADE


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug not in UNMADE])
@pytest.mark.parametrize("which", PROBLEMS)
def test_a_bug_is_named_where_it_was_made_and_what_inherits_it_gets_no_row(which, bug):
    problem, everything = made(which)
    forms = [mutant for mutant in everything if mutant.bug.id == bug]
    chosen = np.unique(np.linspace(0, len(forms) - 1, min(len(forms), MOST_FORMS)).astype(int))
    for mutant in (forms[i] for i in chosen):
        report = judged(problem, dict(named(mutant.gradients)))
        if report.verdict == "correct":  # this form changes nothing here
            assert report.diagnosis == ()
            continue
        about = (mutant.layer, mutant.equation, dict(mutant.estimates), str(report))
        (row,) = report.diagnosis
        assert bug in (row.bug, *row.also_consistent), about
        if row.bug == bug:
            assert row.layer == mutant.layer, about
        assert row.residual <= ROUNDING["float64"], about
