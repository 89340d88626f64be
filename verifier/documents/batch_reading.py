"""Read the document's `inputs` and `masks` with examples as rows."""

from collections.abc import Mapping
from typing import Any

from reference_impl.array import Array
from reference_impl.network import Network
from verifier.convention import Convention, internal_examples
from verifier.documents.arrays import read_array
from verifier.documents.mistakes import Mistakes, at, nearest, shown


def read_inputs(
    document: dict[str, Any], network: Network | None, convention: Convention, mistakes: Mistakes
) -> Array | None:
    """Return the inputs of shape (N, features); None if they are absent or malformed."""
    array = read_array(document["inputs"], "/inputs", mistakes) if "inputs" in document else None
    if array is None:
        return None
    if array.size == 0:
        mistakes.add(
            "/inputs", "at least one example", f"shape {tuple(array.shape)}", "give the batch examples"
        )
        return None
    order = "(features, N)" if convention.examples == "columns" else "(N, features)"
    if array.ndim != 2:
        mistakes.add("/inputs", f"a matrix of shape {order}", f"shape {tuple(array.shape)}")
        return None
    rows = internal_examples(array, convention)
    if network is not None and rows.shape[1] != network.layers[0].inputs:
        features = network.layers[0].inputs
        other = "rows" if convention.examples == "columns" else "columns"
        transposed = rows.shape[0] == features
        remedy = f"for examples as {other} set network.examples to {other}" if transposed else ""
        mistakes.add("/inputs", f"{features} features, shape {order}", f"shape {tuple(array.shape)}", remedy)
        return None
    return rows


def read_masks(
    document: Any, network: Network | None, size: int | None, convention: Convention, mistakes: Mistakes
) -> dict[int, Array]:
    """Return the dropout masks of shape (N, units) by the index of their layer.

    size: the number of examples, None if the inputs are malformed.
    """
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        mistakes.add("/masks", 'an object of arrays, such as {"layers.0": [[…]]}', shown(document))
        return {}
    masks: dict[int, Array] = {}
    for name, value in document.items():
        pointer = at("/masks", name)
        mask = read_array(value, pointer, mistakes)
        if network is None:
            continue
        known = {f"layers.{index}": index for index in range(len(network.layers))}
        if name not in known:
            remedy = nearest(name, known, taken=document)
            mistakes.add(pointer, "the name of a layer", f"{str(name)[:60]!r}", remedy)
        elif mask is not None and size is not None:
            shape = (size, network.layers[known[name]].outputs)
            shape = shape[::-1] if convention.examples == "columns" else shape
            if mask.size and not mask.any():
                remedy = "zeros alone drop every unit, so that any code passes"
                mistakes.add(pointer, "a mask that keeps at least one unit", "zeros alone", remedy)
            elif tuple(mask.shape) == shape:
                masks[known[name]] = internal_examples(mask, convention)
            else:
                mistakes.add(pointer, f"shape {shape}", str(tuple(mask.shape)))
    return masks
