"""The arithmetic that a document's gradients were computed in: declared, or told by the numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.caution import Caution
from verifier.documents.arrays import dtype_of
from verifier.documents.mistakes import Mistakes, read_choice
from verifier.precision import PRECISIONS, Precision, rounded


def read_precision(
    document: dict[str, Any], gradients: dict[str, Array], mistakes: Mistakes
) -> tuple[Precision, list[Caution]]:
    if document.get("precision") is not None:
        name = read_choice(document["precision"], PRECISIONS, "/precision", mistakes)
        return PRECISIONS[name or "float64"], []
    submitted = document.get("gradients")
    formats = {dtype_of(value) for value in submitted.values()} if isinstance(submitted, Mapping) else set()
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
    """Give the narrowest format that holds every number exactly; float64 where all are whole or not finite.

    Zeros and small whole numbers fit every format and say nothing of the arithmetic behind them.
    """
    flat = np.concatenate([array.ravel() for array in gradients.values()] or [np.zeros(0)])
    finite = flat[np.isfinite(flat)]
    if (finite != np.rint(finite)).any():
        for name in ("bfloat16", "float16", "float32"):
            if (rounded(finite, PRECISIONS[name]) == finite).all():
                return PRECISIONS[name]
    return PRECISIONS["float64"]
