"""A slice of the benchmark of leaks: what it measures in full holds in small."""

import numpy as np
import pytest

from benchmarks.support.leaking import graph, guessing
from benchmarks.support.leaking.counting import bound
from benchmarks.support.leaking.guessing import digit_by_digit, scan_tolerance
from benchmarks.support.leaking.question import LAYERS, LEVELS, PARAMETERS
from benchmarks.support.leaking.telling import measure_levels
from benchmarks.support.leaking.timing import information


def test_a_level_tells_at_most_its_bound_and_no_less_than_the_one_below():
    levels = measure_levels(40, workers=1)
    bits = [entropy for _, entropy in levels.values()]
    assert bits == sorted(bits)
    assert all(levels[level][1] <= bound(LEVELS[level], LAYERS, PARAMETERS) for level in LEVELS)
    assert levels["nothing"] == (1, 0.0)


def test_of_a_graph_a_level_tells_at_most_its_bound():
    levels = graph.measure_levels(80)
    bits = [entropy for _, entropy in levels.values()]
    assert bits == sorted(bits)
    assert all(levels[level][1] <= graph.bound(LEVELS[level]) for level in LEVELS)
    assert levels["nothing"] == (1, 0.0)


def test_few_guesses_find_what_a_coarse_precision_passes_and_no_fine_one(monkeypatch):
    monkeypatch.setattr(guessing, "_BISECTIONS", 2)  # after the first hit, which is not asked about
    coarse, fine = scan_tolerance("standard", "bfloat16"), scan_tolerance("standard", "float64")
    assert coarse.made is not None
    assert coarse.made < 100
    assert fine.expected > 1e5


@pytest.mark.parametrize(("enough", "decimals"), [(1, 2), (8, 0)])
def test_one_number_is_not_told_digit_by_digit(enough, decimals):
    _, leaked = digit_by_digit(enough, digits=3)
    assert leaked >= decimals if decimals else leaked == 0


@pytest.mark.parametrize(("apart", "least", "most"), [(0.0, -0.1, 0.1), (100.0, 0.9, 1.1)])
def test_the_estimate_of_information_is_0_for_nothing_and_1_for_one_bit(apart, least, most):
    rng = np.random.default_rng(0)
    classes = ["right", "wrong"] * 100
    seconds = rng.normal(size=200) + apart * np.array([name == "right" for name in classes])
    bits, _ = information(classes, seconds)
    assert least < bits < most
