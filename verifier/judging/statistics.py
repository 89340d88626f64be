"""Counts and figures of parameters, added up block by block.

A block is some parts of parameters that fit into cache: a whole comparison, or small parameters together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from math import sqrt
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.estimate import Estimate
from verifier.engine.lazy_products import ALL, LazyArrays, LazyEstimates, RowEstimates, RowIndex
from verifier.engine.rounding import scale_of
from verifier.judging.comparison import Comparison
from verifier.problem.submission import Convention, to_submitted_layout
from verifier.report.model import Entries, Entry, ParameterReport
from verifier.report.verdict import Verdict, parameter_verdict


def all_true(mask: Array) -> bool:
    """True if every entry is True. On small arrays it is several times faster than `mask.all()`."""
    return bool(np.count_nonzero(mask) == mask.size)


BLOCK = 1 << 14  # entries: 128 kB per array; a dozen such arrays fit one core's cache


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one parameter."""

    name: str
    rows: RowIndex


class Block:
    """Some parts of named arrays, concatenated flat; reductions are computed part by part."""

    def __init__(self, parts: Sequence[_Part], sizes: Sequence[int], owners: Sequence[int]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *sizes[:-1]]) if len(parts) > 1 else None
        self.owners = np.array(owners)

    @classmethod
    def of_one(cls, array: Array) -> "Block":
        """Return the block of one whole array, whose owner is 0."""
        return cls([_Part("", ALL)], [array.size], [0])

    def of(self, arrays: Mapping[str, Array]) -> Array:
        """Return the block's part of the arrays."""
        if self._starts is None:
            name, rows = self._parts[0].name, self._parts[0].rows
            if isinstance(arrays, LazyArrays):
                return arrays.rows(name, rows)
            return np.atleast_1d(arrays[name][rows])
        return np.concatenate([arrays[part.name][part.rows].ravel() for part in self._parts])

    def of_estimates(self, estimates: Mapping[str, Estimate]) -> RowEstimates:
        """Return the block's values and errors, without slopes."""
        if self._starts is None:
            return _rows(estimates, self._parts[0])
        parts = [_in_all_columns(estimates, part) for part in self._parts]
        return RowEstimates(
            np.concatenate([part.value.ravel() for part in parts]),
            np.concatenate([part.error.ravel() for part in parts]),
        )

    def largest(self, values: Array) -> Array:
        """Return the maximum of each part."""
        return self._reduced(np.maximum, values)

    def total(self, values: Array) -> Array:
        """Return the sum of each part."""
        return self._reduced(np.add, values)

    def products(self, x: Array, y: Array) -> Array:
        """Return the inner product of x and y for each part."""
        if self._starts is None:
            return np.asarray([np.vdot(x, y)])
        return self._reduced(np.add, x * y)

    def count(self, mask: Array) -> Array:
        """Return the number of True entries of each part."""
        if self._starts is None:
            return np.asarray([np.count_nonzero(mask)])
        return self._reduced(np.add, mask.astype(np.int64))

    def _reduced(self, operation: np.ufunc, values: Array) -> Array:
        if self._starts is None:
            return np.asarray([operation.reduce(values, axis=None)])
        return np.asarray(operation.reduceat(values, self._starts))


def _rows(estimates: Mapping[str, Estimate], part: _Part) -> RowEstimates:
    if isinstance(estimates, LazyEstimates):
        return estimates.rows(part.name, part.rows)
    estimate = estimates[part.name]
    return RowEstimates(np.atleast_1d(estimate.value[part.rows]), np.atleast_1d(estimate.error[part.rows]))


def _in_all_columns(estimates: Mapping[str, Estimate], part: _Part) -> RowEstimates:
    rows = _rows(estimates, part)
    if rows.columns is None:
        return rows
    whole = estimates[part.name]
    return RowEstimates(whole.value[part.rows], whole.error[part.rows])


def blocks(arrays: Mapping[str, Array]) -> Iterator[Block]:
    """Yield blocks: small parameters together, large ones split into rows."""
    parts: list[_Part] = []
    sizes: list[int] = []
    owners: list[int] = []
    entries = 0
    for owner, (name, array) in enumerate(arrays.items()):
        if entries + array.size > BLOCK and parts:
            yield Block(parts, sizes, owners)
            parts, sizes, owners, entries = [], [], [], 0
        if array.size <= BLOCK or array.ndim < 2:  # a vector is not split
            parts.append(_Part(name, ALL))
            sizes.append(array.size)
            owners.append(owner)
            entries += array.size
            continue
        rows = max(1, BLOCK // (array.size // len(array)))
        for start in range(0, len(array), rows):
            yield Block([_Part(name, slice(start, start + rows))], [0], [owner])
    if parts:
        yield Block(parts, sizes, owners)


@dataclass(frozen=True, slots=True)
class ComparisonSummary:
    """One parameter's counts and figures; see `ParameterReport`, which repeats them."""

    correct: int
    incorrect: int
    undecided: int
    uninformative: int
    to_rounding: int
    subgradients: int
    zeros: int
    max_abs_error: float
    max_rel_error: float | None
    relative_norm_error: float | None
    cosine: float | None
    ratio: float | None


def summarize(comparison: Comparison) -> ComparisonSummary:
    """Return the counts and figures of a whole comparison."""
    statistics = Statistics(1)
    if comparison.submitted.size:
        with np.errstate(all="ignore"):
            statistics.add(
                Block.of_one(comparison.submitted),
                comparison.submitted,
                comparison.expected,
                comparison.error,
                np.abs(comparison.expected),
                comparison.nonzero,
                # scaled to about 1 first, so that squares of huge or tiny entries neither overflow nor vanish
                (scale_of(comparison.submitted), scale_of(comparison.expected)),
            )
    return statistics.summary(
        0,
        correct=int(comparison.correct.sum()),
        incorrect=int(comparison.incorrect.sum()),
        undecided=int(comparison.undecided.sum()),
        uninformative=int(comparison.uninformative.sum()),
        to_rounding=int(comparison.to_rounding.sum()),
        subgradients=int(comparison.subgradient.sum()),
    )


class Statistics:
    """Figures of several parameters, added up block by block.

    largest_error, largest_expected: by parameter, the largest absolute values.
    """

    def __init__(self, count: int) -> None:
        self.largest_error, self.largest_expected = np.zeros(count), np.zeros(count)
        self._largest_relative = np.full(count, -1.0)
        self._submitted_squared, self._expected_squared = np.zeros(count), np.zeros(count)
        self._difference_squared, self._product = np.zeros(count), np.zeros(count)
        self._zeros, self._expected_zeros = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self._units = (1.0, 1.0)

    def add(
        self,
        block: Block,
        submitted: Array,
        expected: Array,
        error: Array,
        size: Array,
        nonzero: Array,
        units: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        """Add a block.

        error: |submitted − expected|. size: |expected|. nonzero: expected values that are certainly not 0.
        units: powers of two by which submitted and expected values are divided before they are squared.
        """
        owners = block.owners
        relative = np.asarray(error / size)  # of a scalar too
        if not all_true(nonzero):
            np.copyto(relative, -1.0, where=~nonzero)
            np.copyto(relative, 0.0, where=error == 0)
        for figure, values in (
            (self.largest_error, error),
            (self._largest_relative, relative),
            (self.largest_expected, size),
        ):
            figure[owners] = np.maximum(figure[owners], block.largest(values))
        self._zeros[owners] += block.count(submitted == 0)
        self._expected_zeros[owners] += block.count(expected == 0)
        if units == (1.0, 1.0):
            difference = submitted - expected
        else:
            self._units, both = units, max(units)
            difference = submitted / both - expected / both
            submitted, expected = submitted / units[0], expected / units[1]
        self._difference_squared[owners] += block.products(difference, difference)
        self._submitted_squared[owners] += block.products(submitted, submitted)
        self._expected_squared[owners] += block.products(expected, expected)
        self._product[owners] += block.products(submitted, expected)

    def summary(
        self,
        index: int,
        *,
        correct: int,
        to_rounding: int,
        incorrect: int = 0,
        undecided: int = 0,
        uninformative: int | None = None,
        subgradients: int = 0,
    ) -> ComparisonSummary:
        """Return the summary of one parameter.

        uninformative: entries whose true gradient is 0; None if all those whose expected value is 0.
        """
        unit, of_expected = self._units
        both = max(self._units)
        norm = sqrt(self._submitted_squared[index])
        expected_norm = sqrt(self._expected_squared[index])
        relative = float(self._largest_relative[index])
        return ComparisonSummary(
            correct=correct,
            incorrect=incorrect,
            undecided=undecided,
            uninformative=int(self._expected_zeros[index]) if uninformative is None else uninformative,
            to_rounding=to_rounding,
            subgradients=subgradients,
            zeros=int(self._zeros[index]),
            max_abs_error=float(self.largest_error[index]),
            max_rel_error=None if relative < 0 else relative,
            relative_norm_error=_quotient(
                sqrt(self._difference_squared[index]),
                norm * (unit / both) + expected_norm * (of_expected / both),
            ),
            cosine=_quotient(float(self._product[index]), norm * expected_norm),
            ratio=_quotient(norm * (unit / of_expected), expected_norm),
        )


def _quotient(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


MOST_WORST = 10
_FIELDS = tuple(field.name for field in fields(ComparisonSummary))


def report_parameter(
    name: str, comparison: Comparison, convention: Convention, whole_arrays: bool
) -> ParameterReport:
    """Return a parameter's counts, figures, and the worst entries that are not correct to rounding."""

    def laid_out(array: Array) -> Array:
        return to_submitted_layout(name, array, convention)

    entries = None
    if whole_arrays:
        submitted, expected = laid_out(comparison.submitted), laid_out(comparison.expected)
        with np.errstate(all="ignore"):
            tolerance = laid_out(np.where(comparison.undecided, np.nan, comparison.tolerance))
            entries = Entries(expected, submitted, submitted - expected, tolerance)
    return report_summary(
        name,
        summarize(comparison),
        tuple(laid_out(comparison.submitted).shape),
        _worst(comparison, laid_out),
        entries,
    )


def report_summary(
    name: str,
    summary: ComparisonSummary,
    shape: tuple[int, ...],
    worst: tuple[Entry, ...] = (),
    entries: Entries | None = None,
) -> ParameterReport:
    """Return the report of a parameter. shape: in the submission's own layout."""
    verdict = parameter_verdict(summary.incorrect, summary.undecided)
    figures = {field: getattr(summary, field) for field in _FIELDS}
    return ParameterReport(name, shape, verdict, **figures, worst=worst, entries=entries)


def _worst(comparison: Comparison, laid_out: Any) -> tuple[Entry, ...]:
    """Order by error over tolerance, NaN and infinities first; entries correct to rounding are left out."""
    with np.errstate(all="ignore"):
        severity = np.where(
            comparison.to_rounding & comparison.correct, -1.0, comparison.error / comparison.tolerance
        )
    severity = laid_out(np.where(np.isnan(severity), np.inf, severity))
    flat = severity.ravel()
    count = min(MOST_WORST, int((flat >= 0).sum()))
    if count == 0:
        return ()
    candidates = np.argpartition(-flat, count - 1)[:count]
    candidates = candidates[np.lexsort((candidates, -flat[candidates]))]
    arrays = {
        field: laid_out(array)
        for field, array in {
            "submitted": comparison.submitted,
            "expected": comparison.expected,
            "uncertainty": comparison.uncertainty,
            "tolerance": comparison.tolerance,
            "abs_error": comparison.error,
            "incorrect": comparison.incorrect,
            "undecided": comparison.undecided,
            "subgradient": comparison.subgradient,
            "low": comparison.low,
            "high": comparison.high,
            "nonzero": comparison.nonzero,
        }.items()
    }
    return tuple(_entry(arrays, np.unravel_index(int(i), severity.shape)) for i in candidates)


def _entry(arrays: dict[str, Array], index: tuple[Any, ...]) -> Entry:
    expected, error = float(arrays["expected"][index]), float(arrays["abs_error"][index])
    kinked = arrays["subgradient"][index]
    decided = Verdict.INCORRECT if arrays["incorrect"][index] else Verdict.CORRECT
    return Entry(
        index=tuple(int(i) for i in index),
        verdict=Verdict.UNDECIDED if arrays["undecided"][index] else decided,
        submitted=float(arrays["submitted"][index]),
        expected=expected,
        uncertainty=float(arrays["uncertainty"][index]),
        tolerance=float(arrays["tolerance"][index]),
        abs_error=error,
        rel_error=error / abs(expected) if arrays["nonzero"][index] else None,
        subgradient=bool(kinked),
        slopes=(float(arrays["low"][index]), float(arrays["high"][index])) if kinked else None,
    )
