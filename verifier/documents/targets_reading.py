"""Read the document's `targets`, class indices or rows, as one row per example."""

from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import Loss
from reference_impl.network import Network
from verifier.convention import Convention, internal_examples
from verifier.documents.arrays import read_array
from verifier.documents.mistakes import SHOWN, Mistakes, at, shown


def read_targets(
    value: Any,
    loss: Loss,
    network: Network | None,
    size: int | None,
    convention: Convention,
    mistakes: Mistakes,
) -> Array | None:
    """Return targets of shape (N, outputs); None if they are malformed.

    size: the number of examples, None if the inputs are malformed.
    """
    array = read_array(value, "/targets", mistakes)
    if array is None:
        return None
    outputs = None if network is None else network.layers[-1].outputs
    if array.ndim == 1 and not loss.class_targets and outputs == 1:
        array = array[:, None] if convention.examples == "rows" else array[None, :]
    if array.ndim == 1:
        return _read_classes(array, loss, outputs, size, mistakes)
    order = "(outputs, N)" if convention.examples == "columns" else "(N, outputs)"
    if array.ndim != 2:
        mistakes.add("/targets", f"rows of shape {order}", f"shape {tuple(array.shape)}")
        return None
    rows = internal_examples(array, convention)
    if outputs is None or size is None:
        return None
    if rows.shape != (size, outputs):
        expected = (size, outputs) if convention.examples == "rows" else (outputs, size)
        mistakes.add("/targets", f"shape {expected}, {order}", f"shape {tuple(array.shape)}")
        return None
    return rows


def _read_classes(
    array: Array, loss: Loss, outputs: int | None, size: int | None, mistakes: Mistakes
) -> Array | None:
    if not loss.class_targets:
        mistakes.add(
            "/targets",
            f"rows of targets, one number an output ({loss.name} takes no class indices)",
            f"a flat list of {array.size}",
            "write one list per example",
        )
        return None
    if size is not None and array.size != size:
        mistakes.add("/targets", f"{size} class indices, one an example", f"{array.size}")
        return None
    if outputs is None or size is None:
        return None
    wrong = np.flatnonzero((array != np.rint(array)) | (array < 0) | (array >= outputs))
    for index in wrong[:SHOWN]:
        remedy = "class indices start at 0" if array[index] == outputs else ""
        mistakes.add(
            at("/targets", int(index)),
            f"a class index from 0 to {outputs - 1}",
            shown(float(array[index])),
            remedy,
        )
    if wrong.size > SHOWN:
        mistakes.add("/targets", "class indices everywhere", f"{wrong.size - SHOWN} more that are none")
    if wrong.size:
        return None
    rows = np.zeros((size, outputs))
    rows[np.arange(size), array.astype(np.intp)] = 1.0
    return rows
