"""The arithmetic that a document's gradients were computed in: declared, or told by the numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.caution import Caution
from verifier.documents.arrays import format_of
from verifier.documents.mistakes import Mistakes, read_choice
from verifier.precision import PRECISIONS, Precision, rounded

_CONVINCING = 10.0  # bits: odds of a thousand to one
_BY_HAND = 8  # bits of a number that somebody chose, or that exact arithmetic made of such


def read_precision(
    document: dict[str, Any], gradients: dict[str, Array], mistakes: Mistakes
) -> tuple[Precision, list[Caution]]:
    if document.get("precision") is not None:
        name = read_choice(document["precision"], PRECISIONS, "/precision", mistakes)
        return PRECISIONS[name or "float64"], []
    submitted = document.get("gradients")
    values = submitted.values() if isinstance(submitted, Mapping) else ()
    formats = {format_of(dtype) for dtype in {getattr(value, "dtype", None) for value in values}}
    if len(formats) == 1 and (only := formats.pop()) is not None:
        return PRECISIONS[only], []
    narrower = narrowest_format(gradients)
    if narrower.name == "float64":
        return narrower, []
    return narrower, [
        Caution(
            "precision-inferred",
            f"every submitted number is exactly a {narrower.name}, so the gradients are taken as computed in "
            f"{narrower.name}; declare precision to say otherwise",
        )
    ]


def narrowest_format(gradients: Mapping[str, Array]) -> Precision:
    """Give the narrowest format that holds every number exactly, if the numbers tell that they were rounded.

    Otherwise float64: so for whole numbers, and for a few round ones (1, 0.5, 0.375), which fit every format
    and say nothing of the arithmetic behind them.
    """
    flat = np.concatenate([array.ravel() for array in gradients.values()] or [np.zeros(0)])
    finite = flat[np.isfinite(flat)]
    if (finite != np.rint(finite)).any() and _fit(finite, "float32"):  # which holds what the others hold
        for name in ("bfloat16", "float16", "float32"):
            if _fit(finite, name):
                told = _evidence_of_rounding(finite, PRECISIONS[name]) >= _CONVINCING
                return PRECISIONS[name if told else "float64"]
    return PRECISIONS["float64"]


def _fit(values: Array, name: str) -> bool:
    return bool((rounded(values, PRECISIONS[name]) == values).all())


def _evidence_of_rounding(values: Array, precision: Precision) -> float:
    """Give the bits by which rounding to the format explains the numbers better than what else shortens them.

    A rounded number ends in t zeros with probability 2^−(t+1), whatever its size. Otherwise it is short by
    itself: lengths up to _BY_HAND bits are alike, and each bit more halves the probability. Or it lies on a
    grid that all numbers share, as sums of products of short numbers do, with s zeros above that grid's last
    place, probability 2^−(s+1), and each bit beyond those of a product halves it again.
    """
    distinct = np.unique(np.abs(values[values != 0]))
    fraction, exponent = np.frexp(distinct)
    whole = np.ldexp(fraction, 53).astype(np.int64)
    zeros = np.rint(np.log2((whole & -whole).astype(float)))  # at the end of 53 bits
    length = 53 - zeros
    last = exponent - length  # the exponent of the last bit in use
    place = np.maximum(exponent - precision.significand_bits, np.log2(precision.smallest))
    rounding = np.minimum(last - place + 1, _BY_HAND)  # a rounded gradient may hold a 1 or 0.5 as well
    short = np.log2(_BY_HAND + 1) + np.maximum(length - _BY_HAND, 0)
    on_grid = last - last.min() + 1 + np.maximum(length - 2 * _BY_HAND, 0)
    return float(min(short.sum(), on_grid.sum()) - rounding.sum())
