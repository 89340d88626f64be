"""Compute the data of a parameter's three figures for the browser: heatmap, histogram, scatter plot."""

from math import isfinite
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.json_text import number
from verifier.report import Entries, ParameterReport
from verifier.report_page.blocks import as_matrix, in_blocks
from verifier.report_page.scatter import chosen, slope
from verifier.report_page.severity import END, on_scale, ranks, severities

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
    matrix = as_matrix(severity)
    blocks = in_blocks(ranks(matrix))
    worst = blocks.worst.ravel()
    scaled = on_scale(matrix.ravel()[worst]).reshape(blocks.worst.shape)
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
    edges = np.linspace(-END, END, _BINS + 1)
    # a number on an edge is in the lower bin, so that one at the threshold counts as within it
    bins = np.clip(np.ceil((decided + END) / (2 * END) * _BINS) - 1, 0, _BINS - 1)
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
    points = chosen(ranks(severity), entries.expected)
    shown = severity.ravel()[points]
    return {
        **_values(entries, points),
        "index": _indices(points, entries.submitted.shape),
        "beyond": [int(value) for value in shown > 0],
        "of": int(severity.size),
        "slope": slope(entries.submitted, entries.expected),
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
    return number(value)
