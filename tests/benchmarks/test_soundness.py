"""A slice of every part of the soundness benchmark: what it measures in full holds in small."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from benchmarks import soundness
from benchmarks.support import structured
from benchmarks.support.cases import seventeen_cases
from tests.pairwise import each

CASES = {case.name: case for case in seventeen_cases()}


def seeds(by_day, at_night):
    return [*by_day, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in at_night)]


@each(product(CASES, ["strict", "standard"]))
def test_each_of_the_seventeen_cases_is_judged_right(name, tolerance):
    case = CASES[name]
    assert soundness.verdict_on(case, tolerance) == ("correct" if case.correct else "incorrect")


def test_there_are_six_right_and_eleven_wrong_cases():
    assert Counter(case.correct for case in CASES.values()) == {True: 6, False: 11}


@pytest.mark.parametrize("seed", seeds(range(2), range(2, 15)))
def test_no_right_submission_is_called_incorrect(seed):
    rows = soundness.verdicts_on_correct(seed)
    assert {(precision, tolerance) for precision, _, tolerance, _ in rows} >= {
        ("float64", "standard"),
        ("float64", "strict"),
    }
    assert [row for row in rows if row[3] != "correct"] == []


@pytest.mark.parametrize("seed", seeds([3], [0, 2, 4, 5, 6]))  # problem 1 is at a kink all over
def test_planted_errors_are_found_from_1e_9_strictly_and_1e_5_by_standard(seed):
    errors = soundness.planted_errors(seed)
    assert len(errors) == 2 * len(soundness.SIZES) + 3
    missed = [planted for planted in errors if planted.verdict != "incorrect"]
    least = {("float64", "strict"): 0.9e-9, ("float64", "standard"): 0.9e-5, ("float32", "strict"): 9.0}
    assert [row for row in missed if row.size >= least[row.precision, row.tolerance]] == []


@pytest.mark.parametrize("block", seeds(range(1), range(1, 4)))
def test_enclosures_contain_the_truth_and_are_tight(block):
    results = [soundness.check_containment(seed) for seed in range(10 * block, 10 * block + 10)]
    assert all(contained for _, contained, _ in results)
    assert np.median([radius for _, _, radius in results]) < 1e-10


def test_the_allowance_is_at_most_100_times_what_rounding_loses():
    ratios: dict[str, list[float]] = {}
    for seed in range(15):
        for precision, ratio in soundness.allowance_ratios(seed):
            ratios.setdefault(precision, []).append(ratio)
    assert set(ratios) == {"float64", "float32", "float16", "bfloat16"}
    assert {
        precision: 1 <= np.median(values) <= 100 for precision, values in ratios.items()
    } == dict.fromkeys(ratios, True)


@pytest.mark.parametrize("largest", [64, pytest.param(structured.LARGEST_BATCH, marks=pytest.mark.nightly)])
def test_no_right_gradient_of_a_structured_batch_is_called_incorrect(largest, monkeypatch):
    monkeypatch.setattr(structured, "LARGEST_BATCH", largest)
    verdicts = Counter((row[1], row[3]) for row in soundness.correct_on_structure(0))
    assert sum(verdicts.values()) > 200
    assert {verdict for _, verdict in verdicts} <= {"correct", "undecided"}
    float32 = {verdict: count for (precision, verdict), count in verdicts.items() if precision == "float32"}
    assert float32.get("undecided", 0) <= 0.02 * sum(float32.values())


@pytest.mark.parametrize("largest", [64, pytest.param(structured.LARGEST_BATCH, marks=pytest.mark.nightly)])
def test_a_planted_error_is_found_on_structured_batches(largest, monkeypatch):
    monkeypatch.setattr(structured, "LARGEST_BATCH", largest)
    rows = soundness.errors_on_structure(0)
    assert len(rows) >= 5
    assert all(dict(row.verdicts)[40.0] == "incorrect" for row in rows)
    assert all(verdict != "correct" for row in rows for _, verdict in row.verdicts)
    assert np.median([ratio for row in rows for ratio in row.allowance]) <= 100
