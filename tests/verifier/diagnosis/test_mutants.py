"""Every bug of the catalogue, made in places and forms that four networks allow, is found again."""

from functools import cache

import numpy as np
import pytest

from benchmarks.support.diagnosing.summary import submission
from reference_impl import Penalty, forward, named
from tests.drawing import draw_problem
from tests.pairwise import check_rows
from tests.verifier.diagnosis.builders import ROUNDING
from verifier import verify
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.catalogue.bug import LOCAL_RULE
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
MOST_FORMS = 2  # tried of each bug at night, evenly among places and forms; the benchmark tries all
# no gradient is made for these: they are told from a submission's own numbers
UNMADE = {"overflow", "inexact-numbers", "numerical-gradient", "lower-precision-than-declared", "unexplained"}


@cache
def make_mutants(which):
    """Return a problem and, by bug, the forms that it can take there."""
    problem = draw_problem(np.random.default_rng([29, len(which)]), **PROBLEMS[which])
    forms = {}
    for mutant in mutants(problem, forward(problem.network, problem.parameters, problem.batch)):
        forms.setdefault(mutant.bug.id, []).append(mutant)
    return problem, forms


def daily_mutant(which, bug):
    """A bug in its last form, in one of the networks that can have it."""
    able = [name for name in PROBLEMS if bug in make_mutants(name)[1]]
    return make_mutants(which)[1][bug][-1:] if which == able[list(BUGS).index(bug) % len(able)] else []


def nightly_mutants(which, bug):
    forms = make_mutants(which)[1][bug]
    chosen = np.unique(np.linspace(0, len(forms) - 1, min(len(forms), MOST_FORMS)).astype(int))
    return [forms[i] for i in chosen]


def test_all_bugs_can_be_made_but_those_told_from_the_numbers():
    in_layers = {bug for bug, row in BUGS.items() if row.equation != LOCAL_RULE}
    assert {bug for which in PROBLEMS for bug in make_mutants(which)[1]} == in_layers - UNMADE


@pytest.mark.parametrize("chosen", [daily_mutant, pytest.param(nightly_mutants, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("which", PROBLEMS)
def test_a_bug_is_named_where_it_was_made_and_inheritors_get_no_row(which, chosen):
    problem, forms = make_mutants(which)

    def check(bug, place):
        mutant = chosen(which, bug)[place]
        report = verify(submission(problem, dict(named(mutant.gradients))), oracles=("backpropagation",))
        if report.verdict == "correct":  # this form changes nothing here
            assert report.diagnosis == ()
            return
        about = (mutant.layer, mutant.equation, dict(mutant.estimates), str(report))
        (row,) = report.diagnosis
        assert bug in (row.bug, *row.also_consistent), about
        if row.bug == bug:
            assert row.layer == mutant.layer, about
        assert row.residual <= ROUNDING["float64"], about

    rows = [(bug, place) for bug in forms for place in range(len(chosen(which, bug)))]
    assert rows
    check_rows(check, rows)
