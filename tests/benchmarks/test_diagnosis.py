"""A slice of every part of the diagnosis benchmark: what it measures in full holds in small."""

import pytest

from benchmarks.support.diagnosing import pairs, scikit_learn, unknown
from benchmarks.support.uncatalogued import MUTATIONS


def visible_outcomes(outcomes):
    return [outcome for outcome in outcomes if outcome is not None and outcome.kind != "invisible"]


def as_text(outcomes):
    return [str(outcome) for outcome in outcomes]


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 80), marks=pytest.mark.nightly)])
def test_two_bugs_in_different_layers_are_both_named(seeds):
    outcomes = visible_outcomes(pairs.measure(seed) for seed in seeds)
    assert sum(outcome.kind == "both" for outcome in outcomes) >= 0.95 * len(outcomes)


@pytest.mark.parametrize(
    ("seeds", "every"), [(range(1), 3), pytest.param(range(4), 1, marks=pytest.mark.nightly)]
)
def test_what_no_catalogue_lists_is_unexplained_and_located(seeds, every):
    names = list(MUTATIONS)[::every]
    outcomes = visible_outcomes(unknown.measure((name, seed)) for name in names for seed in seeds)
    assert as_text(outcome for outcome in outcomes if outcome.kind in ("false", "raised", "silent")) == []
    assert sum(outcome.located for outcome in outcomes) >= 0.9 * len(outcomes)


@pytest.mark.parametrize(
    "activations",
    [
        scikit_learn.ACTIVATIONS[1:2],
        pytest.param(scikit_learn.ACTIVATIONS, marks=pytest.mark.nightly),
    ],
)
def test_scikit_learns_regressor_counts_its_outputs(activations):
    for settings, summary in scikit_learn.measure(activations):
        (row,) = summary.rows
        # with as many examples as outputs a mean over the one is a mean over the other
        assert "output-count-factor" in (row.bug, *row.equivalent_bugs), settings
        assert row.bug == "output-count-factor" or "N = 3" in settings, settings
        assert (row.layer, row.hints["factor"]) == (None, pytest.approx(scikit_learn.OUTPUTS)), settings
