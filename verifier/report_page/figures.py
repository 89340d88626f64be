"""A parameter's three figures as data for the browser: heatmap, histogram, scatter."""

from math import isfinite
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.json_text import number
from verifier.report import Entries, ParameterReport
from verifier.report_page.blocks import as_matrix, in_blocks
from verifier.report_page.scatter import chosen, slope
from verifier.report_page.severity import END, on_scale, ranks, severities

_BINS = 32  # half a power of ten each


def figures(row: ParameterReport) -> dict[str, Any] | None:
    """Give the figures' data, None without the whole arrays or without a number in them."""
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
        "severity": [[_short(value, 3) for value in line] for line in scaled.tolist()],
        **_values(entries, worst),
        "index": _indices(worst, row.shape),
    }


def _indices(places: Array, shape: tuple[int, ...]) -> list[list[int]]:
    """Give the index of each flat place; of one number alone, which has no axes, an empty one."""
    if not shape:
        return [[] for _ in places]
    return [list(map(int, index)) for index in zip(*np.unravel_index(places, shape), strict=True)]


def _histogram(severity: Array) -> dict[str, Any]:
    told = severity[~np.isnan(severity)]
    edges = np.linspace(-END, END, _BINS + 1)
    # a number on an edge belongs to the bin below, as one at the threshold is within it
    found = np.clip(np.ceil((told + END) / (2 * END) * _BINS) - 1, 0, _BINS - 1)
    counts = np.bincount(found.astype(int), minlength=_BINS)
    return {
        "from": edges[:-1].tolist(),
        "counts": counts.tolist(),
        "exact": int((told == -np.inf).sum()),
        "within": int((told <= 0).sum()),
        "beyond": int((told > 0).sum()),
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
    """Give what a reader sees of entries; the error apart, since it may lie below the digits shown."""
    return {
        "submitted": [_short(value, 10) for value in entries.submitted.ravel()[flat].tolist()],
        "expected": [_short(value, 10) for value in entries.expected.ravel()[flat].tolist()],
        "error": [_short(abs(value), 3) for value in entries.difference.ravel()[flat].tolist()],
    }


def _short(value: float, digits: int) -> float | str | None:
    if isfinite(value):
        return float(f"{value:.{digits}g}")
    return number(value)
