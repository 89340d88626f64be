"""Budget of the search: no submission exceeds it, and a search that was cut says so."""

import numpy as np
import pytest

from benchmarks.diagnosis_cost import draw_gradients
from tests.drawing import draw_problem
from tests.verifier.diagnosis.builders import backward, rows, tanh_problem, verify_gradients
from verifier import verify
from verifier.diagnosis import search as diagnosing
from verifier.diagnosis.budget import SearchBudget, budget_for, numbers_of_trial

STEP = 400  # trials of a layer that is begun, and of those below by the right rules
SEEDS = [18, 28]
SEEDS_AT_NIGHT = [5, 16, 52, 54, *sorted({*range(18, 32)} - {*SEEDS})]


@pytest.fixture
def budgets(monkeypatch):
    """Every budget that a search was given."""
    search_budgets = []

    def keep_budget(problem):
        search_budgets.append(budget_for(problem))
        return search_budgets[-1]

    monkeypatch.setattr(diagnosing, "budget_for", keep_budget)
    return search_budgets


def derivative_without_square(d, w, a, z):
    return d @ w.T * (1 - z)


def limit_trials(monkeypatch, trials):
    monkeypatch.setattr(
        diagnosing, "budget_for", lambda problem: SearchBudget(trials * numbers_of_trial(problem, 0))
    )


@pytest.mark.parametrize(
    "seed", [*SEEDS, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in SEEDS_AT_NIGHT)]
)
def test_no_submission_takes_more_than_the_budget_and_what_was_begun(seed, budgets):
    _, document = draw_gradients(seed)
    verify(document, oracles=("backpropagation",))
    steps = STEP * sum(
        numbers_of_trial(document.problem, at) for at in range(len(document.problem.parameters))
    )
    assert all(budget.spent <= budget.most + steps for budget in budgets)


def test_where_the_search_was_cut_it_says_so_and_claims_nothing(monkeypatch):
    problem = tanh_problem(5)
    wrong, _ = backward(problem, hidden={1: derivative_without_square, 0: derivative_without_square})
    known = ("wrong-activation-derivative", 1, "hidden_delta")
    unknown = [("unexplained", layer, "hidden_delta") for layer in (1, 0)]
    whole = verify_gradients(problem, wrong)
    assert rows(whole) == [known]
    assert whole.diagnosis[0].layers == (1, 0)
    for trials, expected_rows in ((10, [known, unknown[1]]), (0, unknown)):
        limit_trials(monkeypatch, trials)
        report = verify_gradients(problem, wrong)
        assert rows(report) == expected_rows
        last = report.diagnosis[-1].explanation
        assert "search was cut short" in last
        assert "No mistake of the catalogue" not in last


def test_equal_submissions_are_cut_at_the_same_place(monkeypatch):
    problem = tanh_problem(7, widths=(4, 4, 4, 4, 4))
    noise = np.random.default_rng(0)
    wrong = {
        name: gradient + noise.normal(size=gradient.shape) for name, gradient in backward(problem)[0].items()
    }
    limit_trials(monkeypatch, 60)
    assert verify_gradients(problem, wrong).diagnosis == verify_gradients(problem, wrong).diagnosis


@pytest.mark.parametrize(
    ("fewer", "more"),
    [({"depth": 2}, {"depth": 3}), ({"examples": 4}, {"examples": 9})],
)
def test_more_to_judge_is_more_to_search(fewer, more):
    small, large = (draw_problem(np.random.default_rng(1), **how) for how in (fewer, more))
    assert budget_for(small).most < budget_for(large).most
