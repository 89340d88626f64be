"""Counts, measures and the worst entries of one parameter, in the submission's own layout."""

from math import inf, nan

import numpy as np
import pytest

from tests.pairwise import each
from verifier.engine.estimate import Estimate
from verifier.judging.comparison import compare
from verifier.judging.statistics import report_parameter
from verifier.problem.submission import TOLERANCES, Convention
from verifier.report.verdict import Verdict


def statistics_of(
    submitted, expected, *, weights="in_out", name="layers.0.weight", error=1e-15, whole=False, disputed=None
):
    """Report on arrays in internal layout; rounding 1e-14, scale 1, standard tolerance."""
    submitted, expected = np.array(submitted, dtype=float), np.array(expected, dtype=float)
    comparison = compare(
        submitted,
        Estimate(expected, np.full(expected.shape, error)),
        np.full(expected.shape, 1e-14),
        np.ones(expected.shape),
        np.zeros(expected.shape, bool) if disputed is None else np.array(disputed),
        TOLERANCES["standard"],
    )
    return report_parameter(name, comparison, Convention(weights=weights), whole)


@pytest.mark.parametrize(
    ("submitted", "disputed", "verdict", "counts"),
    [
        ([[1, 2]], [[False, False]], "correct", (2, 0, 0, 2)),
        ([[1, 2.5]], [[False, False]], "incorrect", (1, 1, 0, 1)),
        ([[1, 2 + 5e-7]], [[False, False]], "correct", (2, 0, 0, 1)),
        ([[1, 2]], [[False, True]], "undecided", (1, 0, 1, 1)),
        ([[1.5, 2]], [[False, True]], "incorrect", (0, 1, 1, 0)),
        ([[nan, inf]], [[False, False]], "incorrect", (0, 2, 0, 0)),
    ],
    ids=["right", "one wrong", "one within rtol alone", "one disputed", "wrong and disputed", "not finite"],
)
def test_entries_are_counted(submitted, disputed, verdict, counts):
    statistics = statistics_of(submitted, [[1, 2]], disputed=disputed)
    assert statistics.verdict == verdict
    assert (statistics.correct, statistics.incorrect, statistics.undecided, statistics.to_rounding) == counts
    assert statistics.correct + statistics.incorrect + statistics.undecided == 2


def test_at_most_ten_entries_are_the_worst_and_they_come_worst_first():
    rng = np.random.default_rng(1)
    expected = rng.normal(size=(6, 7))
    errors = rng.permutation(42).reshape(6, 7) * 0.01
    statistics = statistics_of(expected + errors, expected)
    assert len(statistics.worst) == 10
    by_hand = sorted(np.ndindex(6, 7), key=lambda index: -errors[index])[:10]
    assert [entry.index for entry in statistics.worst] == by_hand
    for entry in statistics.worst:
        assert entry.expected == expected[entry.index]
        assert entry.submitted == (expected + errors)[entry.index]
        assert entry.abs_error == pytest.approx(errors[entry.index])
        assert entry.rel_error == pytest.approx(errors[entry.index] / abs(expected[entry.index]))
        assert entry.tolerance == pytest.approx(1e-15 + 1e-14 + 1e-6)
        assert entry.verdict is Verdict.INCORRECT


def test_entries_that_are_not_finite_are_the_worst_of_all():
    statistics = statistics_of([[5.0, nan, 1.0, inf]], [[1.0, 1.0, 1.0, 1.0]])
    assert {entry.index for entry in statistics.worst[:2]} == {(0, 1), (0, 3)}
    assert statistics.worst[2].index == (0, 0)
    assert len(statistics.worst) == 3


def test_entries_within_rtol_are_among_the_worst_and_correct_ones_not():
    statistics = statistics_of([[1.0 + 5e-15, 2.0 + 5e-7]], [[1.0, 2.0]])
    assert [(entry.index, entry.verdict) for entry in statistics.worst] == [((0, 1), Verdict.CORRECT)]
    assert statistics_of([[1.0, 2.0]], [[1.0, 2.0]]).worst == ()


def test_undecided_entries_say_so():
    statistics = statistics_of([[1.0, 7.0]], [[1.0, 2.0]], disputed=[[False, True]])
    assert [(entry.index, entry.verdict) for entry in statistics.worst] == [((0, 1), Verdict.UNDECIDED)]


def test_indices_and_shapes_are_in_the_layout_of_the_submission():
    submitted = np.zeros((3, 4))
    submitted[1, 2] = 5.0  # internal: input 1, output 2
    assert statistics_of(submitted, np.zeros((3, 4))).worst[0].index == (1, 2)
    turned = statistics_of(submitted, np.zeros((3, 4)), weights="out_in", whole=True)
    assert turned.worst[0].index == (2, 1)
    assert turned.shape == (4, 3)
    assert turned.entries.submitted[2, 1] == 5.0
    assert turned.entries.difference[2, 1] == 5.0


def test_the_whole_arrays_come_on_request_alone():
    assert statistics_of([[1.0]], [[1.0]]).entries is None
    entries = statistics_of([[1.5]], [[1.0]], whole=True).entries
    assert (entries.expected.item(), entries.submitted.item(), entries.difference.item()) == (1.0, 1.5, 0.5)


@each(range(5))
def test_the_measures_are_those_of_numpy_on_the_plain_arrays(seed):
    rng = np.random.default_rng(seed)
    s, e = rng.normal(size=(2, 5, 3))
    statistics = statistics_of(s, e)
    norm = np.linalg.norm
    assert statistics.max_abs_error == np.abs(s - e).max()
    assert statistics.max_rel_error == pytest.approx((np.abs(s - e) / np.abs(e)).max(), rel=1e-14)
    assert statistics.relative_norm_error == pytest.approx(norm(s - e) / (norm(s) + norm(e)), rel=1e-14)
    assert statistics.cosine == pytest.approx((s * e).sum() / norm(s) / norm(e), rel=1e-13)
    assert statistics.ratio == pytest.approx(norm(s) / norm(e), rel=1e-14)


@each([1.0, 1e300, 1e-300, 1e154, 1e-154])
def test_the_measures_neither_overflow_nor_vanish(size):
    e = np.array([[3.0, 4.0]]) * size
    statistics = statistics_of(e * 2, e, error=1e-15 * size)
    assert statistics.cosine == pytest.approx(1.0)
    assert statistics.ratio == pytest.approx(2.0)
    assert statistics.relative_norm_error == pytest.approx(1 / 3)
    assert statistics.max_abs_error == pytest.approx(4.0 * size)
    assert statistics.max_rel_error == pytest.approx(1.0)


@each([(1e300, 1e-9), (1e-300, 1.0), (1e-200, 1e100)])
def test_a_gradient_of_another_size_still_has_its_direction(s, e):
    direction = np.array([[3.0, -4.0]])
    assert statistics_of(direction * s, direction * e).cosine == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("submitted", "expected", "cosine", "ratio", "relative"),
    [
        ([[0.0, 0.0]], [[0.0, 0.0]], None, None, None),
        ([[0.0, 0.0]], [[3.0, 4.0]], None, 0.0, 1.0),
        ([[3.0, 4.0]], [[0.0, 0.0]], None, None, 1.0),
        ([[-3.0, -4.0]], [[3.0, 4.0]], -1.0, 1.0, 1.0),
        ([[4.0, -3.0]], [[3.0, 4.0]], 0.0, 1.0, np.sqrt(50) / 10),
    ],
    ids=["both zero", "zero submitted", "zero expected", "opposite", "orthogonal"],
)
def test_special_pairs_have_defined_measures(submitted, expected, cosine, ratio, relative):
    statistics = statistics_of(submitted, expected)
    for value, wanted in (
        (statistics.cosine, cosine),
        (statistics.ratio, ratio),
        (statistics.relative_norm_error, relative),
    ):
        assert value == (None if wanted is None else pytest.approx(wanted, abs=1e-15))


def test_the_relative_error_of_an_expected_zero_is_none_entry_by_entry():
    assert statistics_of([[1.0]], [[0.0]]).worst[0].rel_error is None
    assert statistics_of([[1.0]], [[1e-15]], error=2e-15).worst[0].rel_error is None


@pytest.mark.parametrize(
    ("submitted", "expected", "largest"),
    [
        ([[1.0, 5.0]], [[2.0, 0.0]], 0.5),
        ([[1.0, 5.0]], [[2.0, 1e-15]], 0.5),
        ([[5.0]], [[0.0]], None),
        ([[0.0]], [[0.0]], 0.0),
    ],
    ids=["beside a zero", "beside what may be zero", "nothing but zero", "nothing wrong"],
)
def test_the_largest_relative_error_is_among_entries_told_from_zero(submitted, expected, largest):
    assert statistics_of(submitted, expected, error=2e-15).max_rel_error == largest
