"""Data of the figures: any number of a gradient, in JSON that every browser reads."""

import json

import numpy as np
import pytest

from tests.pairwise import each
from verifier.exporters.page.figures import figures
from verifier.exporters.page.templating import severities, severity_ranks
from verifier.report.model import Entries, ParameterReport
from verifier.report.verdict import Verdict


def entries(submitted, expected, tolerance) -> Entries:
    arrays = [np.asarray(a, float) for a in np.broadcast_arrays(submitted, expected, tolerance)]
    with np.errstate(all="ignore"):
        return Entries(arrays[1], arrays[0], arrays[0] - arrays[1], arrays[2])


def figures_of(arrays: Entries) -> dict:
    return figures(
        ParameterReport("layers.0.weight", arrays.submitted.shape, Verdict.INCORRECT, entries=arrays)
    )


@each(
    [
        (1.5, 1.0, 0.5, 0.0),  # just within
        (1.5, 1.0, 0.05, 1.0),
        (1.0, 1.0, 0.5, -np.inf),
        (1.0, 1.0, 0.0, -np.inf),
        (1.5, 1.0, 0.0, np.inf),
        (np.nan, 1.0, 0.5, np.inf),
        (-np.inf, 1.0, 0.5, np.inf),
        (1e308, -1e308, 0.5, np.inf),  # the difference overflows
        (1.5, 1.0, np.nan, np.nan),  # undecided
        (1.5, np.nan, np.nan, np.nan),  # nobody knows what is right
    ]
)
def test_the_severity_grows_with_the_error(submitted, expected, tolerance, severity):
    (actual,) = severities(entries([submitted], expected, tolerance))
    assert actual == pytest.approx(severity, nan_ok=True)


def test_the_undecided_rank_between_wrong_and_right():
    order = np.argsort(-severity_ranks(np.array([-np.inf, 0.0, np.nan, 0.01, np.inf])))
    assert order.tolist() == [4, 3, 2, 1, 0]


def test_a_cell_tells_index_and_values_of_its_worst_number():
    generator = np.random.default_rng(0)
    right = generator.normal(size=(128, 200))
    wrong = right.copy()
    wrong[33, 77] += 0.5
    heatmap = figures_of(entries(wrong, right, 1e-9))["heatmap"]
    cell = heatmap["index"].index([33, 77])
    assert heatmap["submitted"][cell] == pytest.approx(wrong[33, 77], rel=1e-9)
    assert heatmap["expected"][cell] == pytest.approx(right[33, 77], rel=1e-9)
    assert heatmap["error"][cell] == 0.5
    assert len(heatmap["index"]) == heatmap["down"] * heatmap["across"]
    assert heatmap["severity"][cell // heatmap["across"]][cell % heatmap["across"]] == 8


def test_an_error_below_the_digits_that_are_shown_is_told_all_the_same():
    heatmap = figures_of(entries([1.0 + 2.0**-40], 1.0, 1e-6))["heatmap"]
    assert heatmap["error"] == [9.09e-13]


def test_numbers_that_json_has_no_words_for_come_as_the_contracts():
    arrays = entries(
        [np.nan, np.inf, -np.inf, 1.0, 2.0], [0.0, 0.0, 0.0, np.nan, 0.0], [1, 1, 1, np.nan, np.nan]
    )
    figure_data = json.loads(json.dumps(figures_of(arrays), allow_nan=False))
    assert figure_data["heatmap"]["submitted"] == ["NaN", "Infinity", "-Infinity", 1.0, 2.0]
    assert figure_data["heatmap"]["severity"] == [[8, 8, 8, "NaN", "NaN"]]
    assert figure_data["scatter"]["slope"] is None


def test_a_histogram_counts_every_number_once():
    arrays = entries([1.0, 1.0 + 1e-12, 1.0 + 1e-3, 2.0, np.nan, 5.0], 1.0, [1e-3] * 5 + [np.nan])
    histogram = figures_of(arrays)["histogram"]
    counts = [histogram[key] for key in ("within", "exact", "beyond", "undecided")]
    assert counts == [3, 1, 2, 1]
    assert sum(histogram["counts"]) == 5
    within = sum(
        count for start, count in zip(histogram["from"], histogram["counts"], strict=True) if start < 0
    )
    assert within == histogram["within"]


@each((axes,) for axes in [(0,), (0, 3)])
def test_nothing_is_drawn_of_nothing(shape):
    assert figures_of(entries(np.zeros(shape), 0.0, 1.0)) is None
    assert figures(ParameterReport("layers.0.weight", (2,), Verdict.CORRECT)) is None
