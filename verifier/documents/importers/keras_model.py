"""Import Keras 3 models: JSON and weights, a .keras file, or a live model.

Files are read without Keras, which can run code from them.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.importers.common import (
    Gradients,
    ImportRefused,
    LayerCollector,
    SourceArray,
    Unsupported,
    array_of,
    import_to_document,
    library,
    refused,
)
from verifier.documents.importers.keras_layers import (
    KerasLayer,
    activation_of,
    activation_of_layer,
    known,
    layers_of,
    loss_of_model,
    penalties_of,
)
from verifier.documents.importers.state_dict import content_of
from verifier.documents.json import DEFAULT_BOUNDS, parse
from verifier.problem.errors import MalformedSubmission, UnreadableSubmission, describe

_MEMBERS = ("config.json", "model.weights.h5")


def opened_archive(content: bytes) -> tuple[bytes, bytes]:
    """Return (config.json, model.weights.h5) of a .keras file. Raises: UnreadableSubmission."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [archive.getinfo(name) for name in _MEMBERS]
            if sum(member.file_size for member in members) > DEFAULT_BOUNDS.inflated:
                raise UnreadableSubmission(f"at most {DEFAULT_BOUNDS.inflated} bytes inflated", "more")
            config, weights = (archive.read(member) for member in members)
            return config, weights
    except KeyError:
        raise UnreadableSubmission(f"a .keras file with {' and '.join(_MEMBERS)}", "one without") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnreadableSubmission("a .keras file", f"a damaged one: {error}") from None


class WeightsFile:
    """Weights in a .weights.h5 file. Raises: UnreadableSubmission for any other file."""

    def __init__(self, content: bytes) -> None:
        self._h5py = library("h5py", "gradjury[keras]")
        if not content.startswith(b"\x89HDF\r\n\x1a\n"):
            kind = "a pickle" if content[:1] == b"\x80" else "none"
            raise UnreadableSubmission("a .weights.h5", kind, "save it with model.save_weights")
        try:
            self._file = self._h5py.File(io.BytesIO(content), "r")
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise UnreadableSubmission("a .weights.h5", f"a damaged one: {str(error)[:100]}") from None

    def arrays(self, layer: KerasLayer, count: int) -> list[Array]:
        """Return `count` variables of a layer: kernel, bias. Raises: UnreadableSubmission; ImportRefused."""
        try:
            group = self._group(f"{layer.place}/vars")
            saved_name = group.attrs.get("name")  # since Keras 3.9
            layer_name = layer.name.rpartition("/")[2]
            if isinstance(saved_name, str) and saved_name != layer_name:
                raise refused(
                    layer.name, f"the weights of {layer_name!r}", f"those of {saved_name!r} at {layer.place}"
                )
            return [self._numbers(group, str(index)) for index in range(count)]
        except KeyError:
            raise refused(layer.name, f"{count} arrays at {layer.place}/vars", "fewer", "save them") from None
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            if isinstance(error, MalformedSubmission):
                raise
            raise UnreadableSubmission("a .weights.h5", f"a damaged one: {str(error)[:100]}") from None

    def _group(self, path: str) -> Any:
        member = self._file
        for step in path.split("/"):
            member = self._member(member, step)
        return member

    def _member(self, group: Any, name: str) -> Any:
        """Return a member of the group. Links are refused, as they can lead to other files."""
        if not isinstance(group.get(name, getlink=True), self._h5py.HardLink):
            raise UnreadableSubmission("a .weights.h5 without links", f"a link, {name[:60]!r}")
        return group[name]

    def _numbers(self, group: Any, name: str) -> Array:
        data = self._member(group, name)
        is_plain = isinstance(data, self._h5py.Dataset) and not data.external and not data.is_virtual
        if not is_plain or data.dtype.kind not in "fiu" or data.nbytes > DEFAULT_BOUNDS.inflated:
            raise UnreadableSubmission("plain arrays of numbers", f"something else, {data.name[:60]!r}")
        return np.asarray(data)


class GivenWeights:
    """Weights given as arrays: by name (`dense/kernel`, also with a prefix), or as a list in order."""

    def __init__(self, weights: Mapping[str, Any] | list[Any]) -> None:
        self._weights = weights
        self._used_count = 0

    def arrays(self, layer: KerasLayer, count: int) -> list[Any]:
        """Return `count` variables of a layer: kernel, bias. Raises: ImportRefused."""
        names = [f"{layer.name}/{kind}" for kind in ("kernel", "bias")[:count]]
        if isinstance(self._weights, Mapping):
            arrays = [_with_suffix(self._weights, name) for name in names]
        else:
            arrays = list(self._weights[self._used_count : self._used_count + count])
            self._used_count += count
        if len(arrays) < count or any(array is None for array in arrays):
            raise refused(layer.name, f"the arrays {', '.join(names)}", "fewer", "give all weights")
        return arrays


def _with_suffix(arrays: Mapping[str, Any], name: str) -> Any:
    return next((array for key, array in arrays.items() if f"/{key}".endswith(f"/{name}")), None)


_TRANSPARENT = ("InputLayer", "Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "Identity")
_UNSUPPORTED_FIELDS = ("quantization_config", "lora_rank", "activity_regularizer")


def from_keras(
    model: Any,
    inputs: Any,
    targets: Any,
    *,
    weights: Any = None,
    loss: Any = None,
    gradients: Gradients = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the document of a Keras model, Sequential or Functional with one chain of layers.

    Dropout is switched off. Regularizers of the model become penalties of the loss.

    Parameters
    ----------
    model : keras.Model, str, Path, bytes or dict
        A live model, the path or bytes of a .keras file or of the text of `to_json()`, or its JSON as a dict.
    inputs, targets : array_like
        Examples as rows, and their targets.
    weights : str, Path, bytes, mapping or list, optional
        The path or bytes of a .weights.h5 file, arrays by name (`dense/kernel`), or the list of
        `get_weights()`. Required for JSON without weights.
    loss : str or dict, optional
        The document's `loss`, instead of the loss of `compile()`.
    gradients : mapping or sequence, optional
        By the paths of the variables, or in their order.
    **fields
        Further fields of the document, such as `name` or `tolerance`.

    Returns
    -------
    dict
        The document, with numpy arrays.

    Raises
    ------
    ImportRefused
        If layers are unsupported; it names all of them.
    MalformedSubmission
        If the resulting document is invalid.
    MissingLibrary
        If h5py is needed and not installed.

    Examples
    --------
    >>> document = from_keras("model.keras", inputs, targets, gradients=gradients)
    >>> report = verify(document)
    """
    document, source = _open(model, weights)
    chain = LayerCollector()
    dense: list[tuple[str, Mapping[str, Any]]] = []
    for layer in layers_of(document, chain):
        try:
            _add(chain, layer, source, dense)
        except Unsupported as error:
            chain.refuse(layer.name, error.actual, error.remedy)
        except ImportRefused as error:
            for document_error in error.errors:
                chain.refuse(
                    document_error.pointer,
                    document_error.actual,
                    document_error.remedy,
                    expected=document_error.expected,
                )
    network = chain.finished()
    compiled_loss = loss_of_model(document) if loss is None else None
    if loss is None and compiled_loss is None:
        raise refused("/loss", "a loss, given or compiled", "none", "compile the model or name a loss")
    network = chain.finished({**(compiled_loss or {}), **penalties_of(dense)})
    return import_to_document(
        network,
        inputs=inputs,
        targets=_targets(targets, compiled_loss),
        loss=loss,
        gradients=gradients,
        fields=fields,
    )


def _open(model: Any, weights: Any) -> tuple[Any, WeightsFile | GivenWeights]:
    """Return the model's JSON and the source of its weights."""
    if hasattr(model, "to_json") and hasattr(model, "get_weights"):
        weights = model.get_weights() if weights is None else weights
        model = model.to_json().encode()
    if not isinstance(model, Mapping):
        is_text = isinstance(model, str) and model.lstrip().startswith("{")
        content = model.encode() if is_text else content_of(model)
        if content[:2] == b"PK":
            config, weights_content = opened_archive(content)
            return parse(config), WeightsFile(weights_content) if weights is None else _weights_source(
                weights
            )
        model = parse(content)
    if weights is None:
        raise refused("weights", "the model's weights beside its JSON", "none", "give its .weights.h5")
    return model, _weights_source(weights)


def _weights_source(weights: Any) -> WeightsFile | GivenWeights:
    if isinstance(weights, str | Path | bytes):
        return WeightsFile(content_of(weights))
    if isinstance(weights, Mapping | list | tuple):
        return GivenWeights(weights if isinstance(weights, Mapping) else list(weights))
    raise refused("weights", "a .weights.h5, arrays by name, or a list of arrays", describe(weights))


def _add(
    chain: LayerCollector,
    layer: KerasLayer,
    source: WeightsFile | GivenWeights,
    dense: list[tuple[str, Mapping[str, Any]]],
) -> None:
    """Add one layer. Raises: Unsupported; ImportRefused."""
    config = layer.config
    if not known(layer.document):
        chain.refuse(layer.name, f"{layer.class_name[:60]}, a class of somebody's own")
    elif layer.class_name == "Dense":
        _add_dense(chain, layer, source)
        dense.append((layer.name, config))
    elif layer.class_name == "Flatten":
        chain.flatten()
    elif layer.class_name not in _TRANSPARENT:
        activation = activation_of_layer(layer.class_name, config)
        if activation is None:
            chain.refuse(layer.name, layer.class_name[:60])
        else:
            chain.activation(layer.name, activation)


def _add_dense(chain: LayerCollector, layer: KerasLayer, source: WeightsFile | GivenWeights) -> None:
    config = layer.config
    for field in _UNSUPPORTED_FIELDS:
        if config.get(field):
            chain.refuse(layer.name, f"a Dense with {field}")
    kernel, *rest = source.arrays(layer, 2 if config.get("use_bias", True) else 1)
    weight = SourceArray(f"{layer.name}/kernel", array_of(kernel), "in_out")
    bias = SourceArray(f"{layer.name}/bias", array_of(rest[0])) if rest else None
    if weight.values.ndim == 2 and weight.values.shape[1] != config.get("units"):
        rule = f"a kernel of {describe(config.get('units'))} units"
        chain.refuse(layer.name, f"shape {weight.values.shape}", "weights and JSON differ", expected=rule)
    chain.linear(layer.name, weight, bias)
    chain.activation(layer.name, activation_of(config.get("activation")))


def _targets(targets: Any, compiled_loss: Mapping[str, Any] | None) -> Any:
    """Return class indices as a flat array; sparse losses of Keras also accept a column."""
    array = array_of(targets)
    sparse = (
        compiled_loss is not None
        and compiled_loss["name"] == "cross_entropy"
        and array.ndim == 2
        and array.shape[1] == 1
    )
    return array[:, 0] if sparse else array
