"""Compute the data of a parameter's three figures for the browser: heatmap, histogram, scatter plot."""

import json
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from markupsafe import Markup

from reference_impl.array import Array
from verifier.exporters.page import wording
from verifier.exporters.page.templating import (
    SCALE_END,
    clip_severity,
    divide_into_blocks,
    severities,
    severity_ranks,
    to_matrix,
)
from verifier.report.model import Entries, ParameterReport
from verifier.report.numbers import json_number

MOST_POINTS = 1200
LARGEST_DRAWN = 1e290  # larger numbers overflow in the axes; they are in the tables only
_WORST = 300  # of these, the worst entries
_ON_A_LINE = 1e-3  # largest distance of the points from the line, relative to the norm


def select_points(rank: Array, expected: Array) -> Array:
    """Return sorted flat indices of the worst entries, and of others spread over the expected values."""
    count = rank.size
    if count <= MOST_POINTS:
        return np.arange(count)
    worst = np.argpartition(-rank.ravel(), _WORST)[:_WORST]
    ordered = np.argsort(expected.ravel(), kind="stable")
    spread = ordered[np.linspace(0, count - 1, MOST_POINTS - _WORST).round().astype(int)]
    return np.unique(np.concatenate([worst, spread]))


def fit_factor(submitted: Array, expected: Array) -> float | None:
    """Return k if the submitted gradient is about k times the expected one and k is not 1; else None."""
    is_finite = np.isfinite(submitted) & np.isfinite(expected)
    if not is_finite.all() or np.count_nonzero(expected) < 2:
        return None
    expected_size, submitted_size = float(np.abs(expected).max()), float(np.abs(submitted).max())
    if submitted_size == 0:
        return None
    e, s = (
        expected.ravel() / expected_size,
        submitted.ravel() / submitted_size,
    )  # avoids overflow and underflow of squares
    scaled = float(s @ e) / float(e @ e)
    distance = float(np.linalg.norm(s - scaled * e)) / float(np.linalg.norm(s))
    with np.errstate(over="ignore"):
        factor = (
            float(np.float64(scaled) * (submitted_size / expected_size))
            if np.isfinite(submitted_size / expected_size)
            else np.inf
        )
    if distance > _ON_A_LINE or not np.isfinite(factor) or abs(factor - 1.0) <= _ON_A_LINE:
        return None
    return factor


_BINS = 32  # each spans half a power of ten


def figures(row: ParameterReport) -> dict[str, Any] | None:
    """Return the figures' data; None if the parameter has no whole arrays or no numbers."""
    if row.entries is None or row.entries.submitted.size == 0:
        return None
    severity = severities(row.entries)
    return {
        "heatmap": _heatmap(row, row.entries, severity),
        "histogram": _histogram(severity),
        "scatter": _scatter(row.entries, severity),
    }


def _heatmap(row: ParameterReport, entries: Entries, severity: Array) -> dict[str, Any]:
    matrix = to_matrix(severity)
    blocks = divide_into_blocks(severity_ranks(matrix))
    worst = blocks.worst.ravel()
    scaled = clip_severity(matrix.ravel()[worst]).reshape(blocks.worst.shape)
    return {
        "down": blocks.worst.shape[0],
        "across": blocks.worst.shape[1],
        "block": [blocks.rows, blocks.columns],
        "severity": [[_rounded(value, 3) for value in line] for line in scaled.tolist()],
        **_values(entries, worst),
        "index": _indices(worst, row.shape),
    }


def _indices(flat_indices: Array, shape: tuple[int, ...]) -> list[list[int]]:
    """Return the multi-index of each flat index; it is empty for an array without axes."""
    if not shape:
        return [[] for _ in flat_indices]
    return [list(map(int, index)) for index in zip(*np.unravel_index(flat_indices, shape), strict=True)]


def _histogram(severity: Array) -> dict[str, Any]:
    decided = severity[~np.isnan(severity)]
    edges = np.linspace(-SCALE_END, SCALE_END, _BINS + 1)
    # a number on an edge is in the lower bin, so that one at the threshold counts as within it
    bins = np.clip(np.ceil((decided + SCALE_END) / (2 * SCALE_END) * _BINS) - 1, 0, _BINS - 1)
    counts = np.bincount(bins.astype(int), minlength=_BINS)
    return {
        "from": edges[:-1].tolist(),
        "counts": counts.tolist(),
        "exact": int((decided == -np.inf).sum()),
        "within": int((decided <= 0).sum()),
        "beyond": int((decided > 0).sum()),
        "undecided": int(np.isnan(severity).sum()),
    }


def _scatter(entries: Entries, severity: Array) -> dict[str, Any]:
    points = select_points(severity_ranks(severity), entries.expected)
    shown = severity.ravel()[points]
    return {
        **_values(entries, points),
        "index": _indices(points, entries.submitted.shape),
        "beyond": [int(value) for value in shown > 0],
        "of": int(severity.size),
        "slope": fit_factor(entries.submitted, entries.expected),
    }


def _values(entries: Entries, flat: Array) -> dict[str, Any]:
    """Return the shown values of entries. The error is separate, as shown digits may not contain it."""
    return {
        "submitted": [_rounded(value, 10) for value in entries.submitted.ravel()[flat].tolist()],
        "expected": [_rounded(value, 10) for value in entries.expected.ravel()[flat].tolist()],
        "error": [_rounded(abs(value), 3) for value in entries.difference.ravel()[flat].tolist()],
    }


def _rounded(value: float, digits: int) -> float | str | None:
    if isfinite(value):
        return float(f"{value:.{digits}g}")
    return json_number(value)


BUDGET = 2_500_000  # characters of figures in a page; with 1.5 million of Plotly, a page is below 5 MB


@dataclass(slots=True)
class FigureBudget:
    """The remaining budget of a page.

    room: in characters. left_out: the number of parameters without figures for lack of room.
    """

    room: int = BUDGET
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class RenderedParameter:
    """A parameter with its figures.

    figures: JSON for the browser, empty if there is nothing to draw. left_out: there was no room.
    """

    row: ParameterReport
    figures: str = ""
    left_out: bool = False
    heatmap_line: str = ""
    histogram_line: str = ""
    scatter_line: str = ""


def render_parameter(row: ParameterReport, budget: FigureBudget) -> RenderedParameter:
    """Return a parameter with its figures, if it has whole arrays and the budget suffices."""
    data = figures(row) if budget.room > 0 else None
    text = "" if data is None else _to_json(data)
    if row.entries is not None and (budget.room <= 0 or len(text) > budget.room):
        budget.left_out += 1
        return RenderedParameter(row, left_out=True)
    if data is None:
        return RenderedParameter(row)
    budget.room -= len(text)
    return RenderedParameter(
        row,
        Markup(text),
        heatmap_line=wording.heatmap_line(row, data["heatmap"]),
        histogram_line=wording.histogram_line(data["histogram"]),
        scatter_line=wording.scatter_line(data["scatter"]),
    )


def _to_json(data: object) -> str:
    """Return JSON for a script element, with all characters of markup escaped."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
