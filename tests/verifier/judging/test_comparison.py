"""An entry is correct when |submitted − expected| ≤ uncertainty + rounding + rtol · scale + atol."""

from itertools import product
from math import inf, nan

import numpy as np
import pytest

from tests.pairwise import each
from verifier.engine.estimate import Estimate
from verifier.judging.comparison import compare
from verifier.problem.submission import TOLERANCES, Tolerance

STANDARD, STRICT, LENIENT = TOLERANCES["standard"], TOLERANCES["strict"], TOLERANCES["lenient"]
ROUNDING, ERROR = 1e-14, 1e-15  # of the rows below, whose scale is 1


def compare_entry(
    submitted, expected, tolerance, *, error=ERROR, rounding=ROUNDING, scale=1.0, disputed=False
):
    def one(value):
        return np.array([value])

    comparison = compare(
        one(submitted),
        Estimate(one(expected), one(error)),
        one(rounding),
        one(scale),
        one(disputed),
        tolerance,
    )
    verdicts = [name for name in ("correct", "incorrect", "undecided") if getattr(comparison, name).item()]
    assert len(verdicts) == 1
    return verdicts[0], comparison.to_rounding.item(), comparison.uninformative.item()


ROWS = [
    # (id, submitted, expected, tolerance, more, verdict, to rounding)
    ("the same number", 0.5, 0.5, STANDARD, {}, "correct", True),
    ("within rounding", 0.5 + 9e-15, 0.5, STRICT, {}, "correct", True),
    ("beyond rounding, strict", 0.5 + 1e-12, 0.5, STRICT, {}, "incorrect", False),
    ("beyond rounding, within rtol · scale", 0.5 + 9e-7, 0.5, STANDARD, {}, "correct", False),
    ("beyond rtol · scale", 0.5 + 2e-6, 0.5, STANDARD, {}, "incorrect", False),
    ("the same, lenient", 0.5 + 2e-6, 0.5, LENIENT, {}, "correct", False),
    ("beyond lenient", 0.502, 0.5, LENIENT, {}, "incorrect", False),
    ("small by cancellation", 1.5e-7, 1e-7, STANDARD, {}, "undecided", False),
    ("small and nothing cancels", 1.5e-7, 1e-7, STANDARD, {"scale": 1e-7, "rounding": 1e-21, "error": 1e-22},
     "incorrect", False),
    ("within atol", 0.6, 0.5, Tolerance(0.0, 0.2), {}, "correct", False),
    ("NaN", nan, 0.5, LENIENT, {}, "incorrect", False),
    ("inf", inf, 0.5, LENIENT, {}, "incorrect", False),
    ("-inf", -inf, 0.5, LENIENT, {}, "incorrect", False),
    ("NaN for a zero", nan, 0.0, LENIENT, {"scale": 0.0}, "incorrect", False),
    ("disputed, the same number", 0.5, 0.5, STANDARD, {"disputed": True}, "undecided", False),
    ("disputed, another number", 7.0, 0.5, STANDARD, {"disputed": True}, "undecided", False),
    ("disputed, NaN", nan, 0.5, STANDARD, {"disputed": True}, "undecided", False),
    ("reference unknown", 0.5, nan, STANDARD, {"error": inf}, "undecided", False),
    ("reference infinite", inf, inf, STANDARD, {}, "undecided", False),
    ("uncertainty infinite", 0.5, 0.5, STANDARD, {"error": inf}, "undecided", False),
    ("rounding unknown, within the uncertainty", 0.5, 0.5, STANDARD, {"rounding": nan}, "correct", True),
    ("rounding unknown, beyond the uncertainty", 0.6, 0.5, STANDARD, {"rounding": nan}, "undecided", False),
    ("uncertainty beyond the tolerance, within it", 0.5, 0.5, STANDARD, {"error": 1e-3}, "undecided", False),
    ("uncertainty beyond the tolerance, beyond it", 0.6, 0.5, STANDARD, {"error": 1e-3}, "incorrect", False),
    ("zero for zero", 0.0, 0.0, STRICT, {"scale": 0.0, "rounding": 0.0, "error": 0.0}, "correct", True),
    ("negative zero", -0.0, 0.0, STRICT, {"scale": 0.0, "rounding": 0.0, "error": 0.0}, "correct", True),
    ("the other sign", -0.5, 0.5, LENIENT, {}, "incorrect", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("submitted", "expected", "tolerance", "more", "verdict", "to_rounding"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_an_entry_is_judged_by_the_contracts_inequality(
    submitted, expected, tolerance, more, verdict, to_rounding
):
    assert compare_entry(submitted, expected, tolerance, **more)[:2] == (verdict, to_rounding)


@pytest.mark.parametrize(
    ("expected", "error", "disputed", "uninformative"),
    [
        (0.0, 0.0, False, True),
        (-0.0, 0.0, False, True),
        (5e-324, 0.0, False, False),
        (0.0, inf, False, False),
        (0.0, 0.0, True, False),
    ],
    ids=["zero", "negative zero", "nearly zero", "unknown", "disputed"],
)
def test_an_entry_whose_known_true_gradient_is_zero_tells_nothing(expected, error, disputed, uninformative):
    assert compare_entry(0.0, expected, STANDARD, error=error, disputed=disputed)[2] is uninformative


@each(product(TOLERANCES, [1.0, 1e-9, 1e-30, 1e-100]))
def test_a_zero_gradient_is_incorrect_however_small_the_loss_is(preset, size):
    actual = compare_entry(
        0.0, size, TOLERANCES[preset], scale=size, rounding=1e-15 * size, error=1e-15 * size
    )
    assert actual[0] == "incorrect"


def test_the_presets_are_those_of_the_contract():
    assert {name: (row.rtol, row.atol) for name, row in TOLERANCES.items()} == {
        "standard": (1e-6, 0.0),
        "strict": (0.0, 0.0),
        "lenient": (1e-3, 0.0),
    }


def test_entries_are_judged_one_by_one_in_any_shape():
    submitted = np.array([[0.5, 0.6], [nan, 0.0]])
    expected = Estimate(np.array([[0.5, 0.5], [0.5, 0.0]]), np.full((2, 2), 1e-15))
    comparison = compare(
        submitted, expected, np.full((2, 2), 1e-14), np.ones((2, 2)), np.zeros((2, 2), bool), STRICT
    )
    assert comparison.correct.tolist() == [[True, False], [False, True]]
    assert comparison.incorrect.tolist() == [[False, True], [True, False]]
    assert comparison.uninformative.tolist() == [[False, False], [False, True]]
