"""Read the tolerance, the precision and the reported loss; infer the precision from the numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import NON_FINITE, format_of
from verifier.problem.errors import (
    ErrorCollector,
    Path,
    ReportWarning,
    check_fields,
    describe,
    read_choice,
    read_number,
)
from verifier.problem.other_words import PRECISIONS as OTHER_PRECISIONS
from verifier.problem.precision import PRECISIONS, Precision, round_to_precision
from verifier.problem.submission import TOLERANCES, Tolerance


def read_reported_loss(value: Any, errors: ErrorCollector) -> float | None:
    """Return the reported loss; None if it is absent or malformed."""
    if value is None:
        return None
    if isinstance(value, str) and value in NON_FINITE:
        return NON_FINITE[value]
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return float(value)
    return read_number(value, "/reported_loss", errors)


def read_tolerance(document: Any, path: Path, errors: ErrorCollector) -> Tolerance | None:
    """Read a preset's name, `{"preset": …}` or `{"rtol": …, "atol": …}`."""
    if document is None:
        return TOLERANCES["standard"]
    if isinstance(document, str):
        document = {"preset": document}
    if not isinstance(document, dict):
        remedy = 'write {"rtol": …}' if isinstance(document, int | float) else ""
        errors.add(path, 'a tolerance, such as {"preset": "standard"}', describe(document), remedy)
        return None
    check_fields(document, ("preset", "rtol", "atol"), path, errors)
    if "preset" in document:
        if len(document) > 1:
            errors.add(path, "a preset, or rtol and atol", "both", "leave one of them out")
        preset = read_choice(document["preset"], TOLERANCES, (*path, "preset"), errors)
        return None if preset is None else TOLERANCES[preset]
    rtol = read_number(document.get("rtol", 0.0), (*path, "rtol"), errors, at_least=0.0, below=1.0)
    atol = read_number(document.get("atol", 0.0), (*path, "atol"), errors, at_least=0.0)
    return None if rtol is None or atol is None else Tolerance(rtol, atol)


_EVIDENCE_NEEDED = 10.0  # bits: odds of a thousand to one
_SHORT = 8  # bits of a number that was typed in, or computed exactly from such numbers


def read_precision(
    document: dict[str, Any], gradients: dict[str, Array], errors: ErrorCollector
) -> tuple[Precision, list[ReportWarning]]:
    """Return the declared precision, that of the arrays, or the inferred one with a warning."""
    if document.get("precision") is not None:
        declared = document["precision"]
        declared = declared if isinstance(declared, str) else format_of(declared) or declared
        name = read_choice(declared, PRECISIONS, "/precision", errors, OTHER_PRECISIONS)
        return PRECISIONS[name or "float64"], []
    submitted = document.get("gradients")
    values = submitted.values() if isinstance(submitted, Mapping) else ()
    dtypes = {getattr(value, "dtype", None) for value in values}
    formats = set() if None in dtypes else set(map(format_of, dtypes))
    if len(formats) == 1 and (only := formats.pop()) is not None:
        return PRECISIONS[only], []
    narrower = narrowest_format(gradients)
    if narrower.name == "float64":
        return narrower, []
    return narrower, [
        ReportWarning(
            "precision-inferred",
            f"every submitted number is exactly a {narrower.name}, so the gradients are taken as computed in "
            f"{narrower.name}; declare precision to say otherwise",
        )
    ]


def narrowest_format(gradients: Mapping[str, Array]) -> Precision:
    """Return the narrowest format that holds every number exactly, if rounding to it explains the numbers.

    Otherwise return float64. Whole numbers, and a few short ones (1, 0.5, 0.375), fit every format, so they
    are no evidence of the precision.
    """
    flat = np.concatenate([array.ravel() for array in gradients.values()] or [np.zeros(0)])
    finite = flat[np.isfinite(flat)]
    if (finite != np.rint(finite)).any() and _fit(
        finite, "float32"
    ):  # float16 and bfloat16 are subsets of it
        for name in ("bfloat16", "float16", "float32"):
            if _fit(finite, name):
                is_rounded = _evidence_of_rounding(finite, PRECISIONS[name]) >= _EVIDENCE_NEEDED
                return PRECISIONS[name if is_rounded else "float64"]
    return PRECISIONS["float64"]


def _fit(values: Array, name: str) -> bool:
    return bool((round_to_precision(values, PRECISIONS[name]) == values).all())


def _evidence_of_rounding(values: Array, precision: Precision) -> float:
    """Return the log2 likelihood ratio of rounding to the format against the best alternative, in bits.

    Rounding: a rounded number ends in t zeros with probability 2^−(t+1), whatever its size.
    First alternative, short numbers: all lengths up to _SHORT bits are equally likely, and each further bit
    halves the probability.
    Second alternative, a common grid, as of sums of products of short numbers: a number has s zeros above the
    last place of the grid with probability 2^−(s+1), and each bit beyond the length of a product halves it.
    """
    distinct = np.unique(np.abs(values[values != 0]))
    fraction, exponent = np.frexp(distinct)
    whole = np.ldexp(fraction, 53).astype(np.int64)
    zeros = np.rint(np.log2((whole & -whole).astype(float)))  # at the end of 53 bits
    length = 53 - zeros
    last = exponent - length  # the exponent of the last bit in use
    place = np.maximum(exponent - precision.significand_bits, np.log2(precision.smallest))
    rounding = np.minimum(last - place + 1, _SHORT)  # a rounded gradient may hold a 1 or 0.5 as well
    short = np.log2(_SHORT + 1) + np.maximum(length - _SHORT, 0)
    on_grid = last - last.min() + 1 + np.maximum(length - 2 * _SHORT, 0)
    return float(min(short.sum(), on_grid.sum()) - rounding.sum())
