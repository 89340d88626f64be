"""A slice of every part of the diagnosis benchmark: what it measures in full holds in small."""

import pytest

from benchmarks.support.buggy_students import STUDENTS
from benchmarks.support.diagnosing import pairs, right, scikit_learn, single, unknown
from benchmarks.support.diagnosing.outcome import FALSE, PROVENANCE, RIGHT
from benchmarks.support.uncatalogued import MUTATIONS

CASES = {"single": 10, "float32": 4, "missing": 4, "conventions": 3}


def visible(outcomes):
    return [outcome for outcome in outcomes if outcome is not None and outcome.kind != "invisible"]


def listed(outcomes):
    return [str(outcome) for outcome in outcomes]


@pytest.mark.parametrize(
    ("bug", "manner"),
    # in float32 the document says so, and what tells of a lower precision tells nothing
    [(b, m) for b in STUDENTS for m in CASES if m != "float32" or b not in PROVENANCE],
)
def test_a_bug_is_never_given_another_name_and_is_told_where_it_is(bug, manner):
    outcomes = visible(single.measure((bug, seed, manner)) for seed in range(CASES[manner]))
    assert listed(outcome for outcome in outcomes if outcome.kind in (*FALSE, "raised")) == []
    assert listed(outcome for outcome in outcomes if outcome.kind not in RIGHT or not outcome.located) == []


def test_two_bugs_in_different_layers_are_both_named():
    outcomes = visible(pairs.measure(seed) for seed in range(60))
    assert sum(outcome.kind == "both" for outcome in outcomes) >= 0.95 * len(outcomes)


def test_what_no_catalogue_lists_is_unexplained_and_located():
    outcomes = visible(unknown.measure((name, seed)) for name in MUTATIONS for seed in range(4))
    assert listed(outcome for outcome in outcomes if outcome.kind in ("false", "raised", "silent")) == []
    assert sum(outcome.located for outcome in outcomes) >= 0.9 * len(outcomes)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_diagnosed_in_a_right_submission(seed):
    assert [row for row in right.measure(seed) if row[3]] == []


def test_scikit_learns_regressor_counts_its_outputs():
    for settings, said in scikit_learn.measure():
        (row,) = said.rows
        # with as many examples as outputs a mean over the one is a mean over the other
        assert "output-count-factor" in (row.bug, *row.also), settings
        assert row.bug == "output-count-factor" or "N = 3" in settings, settings
        assert (row.layer, row.hints["factor"]) == (None, pytest.approx(scikit_learn.OUTPUTS)), settings
