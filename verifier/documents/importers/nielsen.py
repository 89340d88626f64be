"""Import networks saved by `network2.py` of Nielsen, *Neural Networks and Deep Learning*, chapter 3."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verifier.documents.importers.common import (
    ImportRefused,
    LayerCollector,
    SourceArray,
    array_of,
    import_to_document,
    refused,
)
from verifier.documents.importers.state_dict import content_of
from verifier.documents.json import parse
from verifier.problem.errors import ErrorCollector, describe, json_pointer
from verifier.problem.loss import PRESETS

_COSTS = {"QuadraticCost": "nielsen.quadratic", "CrossEntropyCost": "nielsen.cross_entropy"}
_LIST_FIELDS = ("sizes", "weights", "biases")


def from_nielsen(
    network: Mapping[str, Any] | str | Path | bytes,
    inputs: Any,
    targets: Any,
    *,
    loss: Any = None,
    gradients: Any = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the document of a saved network of sigmoid layers.

    Parameters
    ----------
    network : str, Path, bytes or mapping
        The path or bytes of the JSON file, or its content.
    inputs, targets : array_like
        Examples as rows, and their targets.
    loss : str or dict, optional
        The document's `loss`, instead of the file's cost, which is summed over the mini-batch.
    gradients : tuple or mapping, optional
        The pair (nabla_b, nabla_w) that `backprop` returns, or arrays by the names `weights.0`, `biases.0`.
    **fields
        Further fields of the document, such as `name` or `tolerance`.

    Returns
    -------
    dict
        The document, with numpy arrays.

    Raises
    ------
    ImportRefused
        If the arrays do not form a network.
    MalformedSubmission
        If the file or the resulting document is invalid.

    Examples
    --------
    >>> document = from_nielsen("network.json", inputs, targets, gradients=network.backprop(x, y))
    >>> report = verify(document)
    """
    saved = network if isinstance(network, Mapping) else parse(content_of(network))
    _check(saved)
    chain = LayerCollector()
    for index, (weight, bias) in enumerate(zip(saved["weights"], saved["biases"], strict=True)):
        where = f"weights.{index}"
        matrices = (
            _matrix(weight, json_pointer(("weights", index))),
            _matrix(bias, json_pointer(("biases", index))),
        )
        sizes = (saved["sizes"][index + 1], saved["sizes"][index])
        if matrices[0].shape != sizes:
            chain.refuse(
                json_pointer(("weights", index)),
                f"{matrices[0].shape}",
                expected=f"shape {sizes}, as sizes say",
            )
        chain.linear(
            where, SourceArray(where, matrices[0], "out_in"), SourceArray(f"biases.{index}", matrices[1])
        )
        chain.activation(where, "sigmoid")
    if isinstance(gradients, Sequence) and len(gradients) == 2:
        gradients = {
            f"{group}.{index}": array
            for group, arrays in zip(("biases", "weights"), gradients, strict=True)
            for index, array in enumerate(arrays)
        }
    return import_to_document(
        chain.finished(dict(PRESETS[_COSTS[saved["cost"]]])),
        inputs=inputs,
        targets=targets,
        loss=loss,
        gradients=gradients,
        fields=fields,
    )


def _check(saved: Any) -> None:
    errors = ErrorCollector()
    if not isinstance(saved, Mapping):
        raise refused("", 'an object {"sizes", "weights", "biases", "cost"}', describe(saved))
    for field in _LIST_FIELDS:
        if not isinstance(saved.get(field), list | tuple):
            errors.add((field,), "a list", describe(saved[field]) if field in saved else "nothing")
    if not isinstance(saved.get("cost"), str) or saved["cost"] not in _COSTS:
        actual = describe(saved["cost"]) if "cost" in saved else "nothing"
        errors.add("/cost", f"one of {', '.join(_COSTS)}", actual)
    errors.raise_if_any()
    for field, count in (("weights", len(saved["sizes"]) - 1), ("biases", len(saved["sizes"]) - 1)):
        if len(saved[field]) != count:
            errors.add((field,), f"{count} arrays, one fewer than sizes", f"{len(saved[field])}")
    errors.raise_if_any()


def _matrix(value: Any, pointer: str) -> Any:
    try:
        array = array_of(value)
    except ImportRefused:
        raise refused(
            pointer, "a list of equally long lists of numbers", "rows of different lengths"
        ) from None
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise refused(pointer, "a list of lists of numbers", f"shape {array.shape} of {array.dtype}")
    return array
