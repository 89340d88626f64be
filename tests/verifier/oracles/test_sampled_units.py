"""Beyond a budget differences look at units drawn at random, and say which and what that misses."""

import numpy as np
import pytest

from reference_impl import backpropagate, named
from tests.drawing import draw_problem
from tests.verifier.builders import document_of_problem
from verifier import verify
from verifier.oracles import finite_differences as sampled_units
from verifier.oracles.finite_differences import LEAST, sampling_note


@pytest.fixture
def document():
    problem = draw_problem(np.random.default_rng(0), widths=[5, 30, 20, 3], examples=4)
    gradients = {name: np.array(value) for name, value in named(backpropagate(problem))}
    return document_of_problem(problem, gradients=gradients)


def differences_of(report):
    return next(item for item in report.evidence if item.oracle == "finite_differences")


def test_within_the_budget_every_unit_is_looked_at(document):
    evidence = differences_of(verify(document))
    assert (evidence.entries, evidence.agrees, evidence.reason) == (
        5 * 30 + 30 + 30 * 20 + 20 + 20 * 3 + 3,
        True,
        "",
    )


def test_beyond_it_as_many_as_it_allows_with_all_their_weights(document, monkeypatch):
    monkeypatch.setattr(sampled_units, "BUDGET", 1)
    report = verify(document)
    evidence = differences_of(report)
    assert report.verdict == "correct"
    assert evidence.entries == LEAST * (5 + 1) + LEAST * (30 + 1) + 3 * (20 + 1)
    assert evidence.agrees
    assert "4 of 30 units of layer 0, 4 of 20 units of layer 1" in evidence.reason
    assert "probability 0.7" in evidence.reason  # 0.9⁴ = 0.656
    assert "layer 2" not in evidence.reason
    assert verify(document).evidence == report.evidence


def test_the_draw_misses_wrong_units_as_often_as_it_says():
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(4000):
        wrong = rng.choice(100, 10, replace=False)
        looked_at = rng.choice(100, 6, replace=False)
        missed += not set(wrong) & set(looked_at)
    # without replacement a draw misses a little less often than 0.9⁶ = 0.531, which is what is said
    assert 0.48 <= missed / 4000 <= 0.9**6
    assert "probability 0.5 at most" in sampling_note([sampled_units.Sample(np.arange(6), 100)])
