"""Import a PyTorch `state_dict`, live or from a safetensors file.

It contains parameters only, so that the caller provides the activations.
"""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from verifier.documents.files import format_of
from verifier.documents.importers.common import (
    Gradients,
    LayerCollector,
    SourceArray,
    SourceNetwork,
    array_of,
    import_to_document,
    refused,
)
from verifier.documents.json import parse
from verifier.documents.npz import read_members
from verifier.documents.safetensors import read_tensors
from verifier.problem.errors import ErrorCollector, UnreadableSubmission, describe, suggest_name

_NPY_MAGIC = b"\x93NUMPY"


def content_of(source: str | Path | bytes) -> bytes:
    """Return the bytes of a file; bytes are returned unchanged."""
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def arrays_in(content: bytes) -> Any:
    """Return arrays by name (npz, safetensors, a JSON object), or one array (npy, a JSON list).

    Raises: UnreadableSubmission for pickles and for any other format.
    """
    file_format = format_of(content)
    if file_format == "npz":
        return read_members(content)
    if file_format == "safetensors":
        return read_tensors(content)
    if file_format == "json":
        return parse(content)
    if content.startswith(_NPY_MAGIC):
        return _read_npy(content)
    kind = "a pickle" if content[:1] == b"\x80" else "none of them"
    remedy = "save plain arrays: safetensors.torch.save_file, numpy.savez"
    raise UnreadableSubmission("arrays as npz, safetensors, npy or JSON", kind, remedy)


def _read_npy(content: bytes) -> Any:
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, MemoryError, OverflowError) as error:
        raise UnreadableSubmission("a numpy array (npy)", f"none: {str(error)[:100]}") from None


_WEIGHT, _BIAS = "weight", "bias"


def from_state_dict(
    tensors: Mapping[str, Any] | str | Path | bytes,
    activations: Sequence[str | dict[str, Any]] | str,
    loss: Any,
    inputs: Any,
    targets: Any,
    *,
    order: Sequence[str] | None = None,
    gradients: Gradients = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the document of fully connected layers named `0.weight`, `fc1.weight`, `layers.0.weight`, ….

    Parameters
    ----------
    tensors : mapping, str, Path or bytes
        A state dict, or the path or bytes of a file of arrays.
    activations : sequence or str
        One activation per layer, or one for all layers except the last, which then has none.
    loss : str or dict
        The document's `loss`.
    inputs, targets : array_like
        Examples as rows, and their targets.
    order : sequence of str, optional
        The names of the layers in forward order. The default is the order of the numbers in the names, or
        that of a live dict.
    gradients : mapping or sequence, optional
        By the names of the tensors, or in the order of the parameters.
    **fields
        Further fields of the document, such as `name` or `tolerance`.

    Returns
    -------
    dict
        The document, with numpy arrays.

    Raises
    ------
    ImportRefused
        If tensors do not belong to fully connected layers, or if the order is unknown.
    MalformedSubmission
        If the resulting document is invalid.

    Examples
    --------
    >>> document = from_state_dict(model.state_dict(), "relu", "torch.mse", inputs, targets, gradients=grads)
    >>> report = verify(document)
    """
    live = isinstance(tensors, Mapping)
    arrays = tensors if isinstance(tensors, Mapping) else arrays_in(content_of(tensors))
    if not isinstance(arrays, Mapping):
        raise refused("", "tensors by name", describe(arrays), "save the whole state_dict")
    layers = _layer_names(arrays, order, live)
    return import_to_document(
        _network(arrays, layers, activations),
        inputs=inputs,
        targets=targets,
        loss=loss,
        gradients=gradients,
        fields=fields,
    )


def _network(
    arrays: Mapping[str, Any], layers: Sequence[str], activations: Sequence[Any] | str
) -> SourceNetwork:
    if isinstance(activations, str):
        activations = [activations] * (len(layers) - 1) + ["identity"]
    if layers and len(activations) != len(layers):
        rule = f"{len(layers)} activations, one a layer ({', '.join(layers[:10])})"
        raise refused("activations", rule, f"{len(activations)}", "name identity where there is none")
    chain = LayerCollector()
    for layer, activation in zip(layers, activations, strict=False):
        weight, bias = _tensor_name(layer, _WEIGHT), _tensor_name(layer, _BIAS)
        source_bias = SourceArray(bias, array_of(arrays[bias])) if bias in arrays else None
        chain.linear(layer, SourceArray(weight, array_of(arrays[weight]), "out_in"), source_bias)
        chain.activation(layer, activation)
    return chain.finished()


def _layer_names(arrays: Mapping[str, Any], order: Sequence[str] | None, live: bool) -> list[str]:
    """Return the layers' names in forward order.

    Raises: MalformedSubmission for other tensors, ImportRefused if the order is unknown.
    """
    errors = ErrorCollector()
    layers = [name.removesuffix(_WEIGHT).removesuffix(".") for name in arrays if _is_kind(name, _WEIGHT)]
    for name in arrays:
        owner = name.removesuffix(_BIAS).removesuffix(".")
        if not _is_kind(name, _WEIGHT) and not (_is_kind(name, _BIAS) and owner in layers):
            actual = f"the tensor {name[:60]!r}"
            errors.add(name, "the weights and biases of fully connected layers alone", actual)
    for name in layers:
        shape = tuple(array_of(arrays[_tensor_name(name, _WEIGHT)]).shape)
        if len(shape) != 2:
            actual = f"a weight of shape {shape}"
            errors.add(name, "a fully connected layer, whose weight is a matrix", actual)
    for name in order or ():
        if name not in layers:
            errors.add("order", "names of layers", f"{str(name)[:60]!r}", suggest_name(name, layers))
    errors.raise_if_any()
    if order is not None:
        if sorted(order) != sorted(layers):
            raise refused("order", f"each of {', '.join(sorted(layers))} once", ", ".join(order))
        return list(order)
    numbered = len({re.sub(r"\d+", "0", name) for name in layers}) == 1
    numbers = [[int(number) for number in re.findall(r"\d+", name)] for name in layers]
    if numbered and len({tuple(layer_numbers) for layer_numbers in numbers}) == len(layers):
        return [name for _, name in sorted(zip(numbers, layers, strict=True))]
    if live or len(layers) < 2:
        return layers
    actual = ", ".join(layers[:10])
    raise refused("order", "layers whose names are numbered alike", actual, "give their order")


def _is_kind(name: str, kind: str) -> bool:
    return name == kind or name.endswith("." + kind)


def _tensor_name(layer: str, kind: str) -> str:
    return f"{layer}.{kind}" if layer else kind
