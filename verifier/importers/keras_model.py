"""Keras 3: JSON and weights, a .keras file, or a live model. Keras, which can run code, reads none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verifier.documents.json_text import parse
from verifier.documents.mistakes import shown
from verifier.importers.array_files import content_of
from verifier.importers.chain import Chain
from verifier.importers.document import Gradients, document_of_import
from verifier.importers.imported import SourceArray
from verifier.importers.keras_activations import activation_of, activation_of_layer, known
from verifier.importers.keras_layers import KerasLayer, layers_of
from verifier.importers.keras_losses import loss_of_model, penalties_of
from verifier.importers.keras_weights import GivenWeights, WeightsFile, opened_archive
from verifier.importers.numbers import array_of
from verifier.importers.refusal import ImportRefused, Unsupported, refused

_TRANSPARENT = ("InputLayer", "Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "Identity")
_NOT_ITS_OWN = ("quantization_config", "lora_rank", "activity_regularizer")


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
    """Give the document of a Sequential, or of a Functional model that is one chain; dropout counts as off.

    model: a live model, the path or bytes of a .keras file or of `to_json()`'s text, or that JSON as a dict.
    weights: the path or bytes of a .weights.h5, arrays by name (`dense/kernel`), or `get_weights()`'s list.
    gradients: by variables' paths, or in the order of variables. loss: the document's, in place of that of
    `compile`; regularizers are the model's. Raises: ImportRefused; MalformedSubmission; MissingLibrary.
    """
    document, source = _opened(model, weights)
    chain = Chain()
    dense: list[tuple[str, Mapping[str, Any]]] = []
    for layer in layers_of(document, chain):
        try:
            _add(chain, layer, source, dense)
        except Unsupported as error:
            chain.refuse(layer.name, error.found, error.remedy)
        except ImportRefused as error:
            for mistake in error.mistakes:
                chain.refuse(mistake.pointer, mistake.found, mistake.remedy, expected=mistake.expected)
    network = chain.finished()
    own = loss_of_model(document) if loss is None else None
    if loss is None and own is None:
        raise refused("/loss", "a loss, given or compiled", "none", "compile the model or name a loss")
    network = chain.finished({**(own or {}), **penalties_of(dense)})
    return document_of_import(
        network, inputs=inputs, targets=_targets(targets, own), loss=loss, gradients=gradients, fields=fields
    )


def _opened(model: Any, weights: Any) -> tuple[Any, WeightsFile | GivenWeights]:
    """Give the model's JSON, and where its weights come from."""
    if hasattr(model, "to_json") and hasattr(model, "get_weights"):
        weights = model.get_weights() if weights is None else weights
        model = model.to_json().encode()
    if not isinstance(model, Mapping):
        text = isinstance(model, str) and model.lstrip().startswith("{")
        content = model.encode() if text else content_of(model)
        if content[:2] == b"PK":
            config, saved = opened_archive(content)
            return parse(config), WeightsFile(saved) if weights is None else _source(weights)
        model = parse(content)
    if weights is None:
        raise refused("weights", "the model's weights beside its JSON", "none", "give its .weights.h5")
    return model, _source(weights)


def _source(weights: Any) -> WeightsFile | GivenWeights:
    if isinstance(weights, str | Path | bytes):
        return WeightsFile(content_of(weights))
    if isinstance(weights, Mapping | list | tuple):
        return GivenWeights(weights if isinstance(weights, Mapping) else list(weights))
    raise refused("weights", "a .weights.h5, arrays by name, or a list of arrays", shown(weights))


def _add(
    chain: Chain,
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
        written = activation_of_layer(layer.class_name, config)
        if written is None:
            chain.refuse(layer.name, layer.class_name[:60])
        else:
            chain.activation(layer.name, written)


def _add_dense(chain: Chain, layer: KerasLayer, source: WeightsFile | GivenWeights) -> None:
    config = layer.config
    for field in _NOT_ITS_OWN:
        if config.get(field):
            chain.refuse(layer.name, f"a Dense with {field}")
    kernel, *rest = source.arrays(layer, 2 if config.get("use_bias", True) else 1)
    weight = SourceArray(f"{layer.name}/kernel", array_of(kernel), "in_out")
    bias = SourceArray(f"{layer.name}/bias", array_of(rest[0])) if rest else None
    if weight.values.ndim == 2 and weight.values.shape[1] != config.get("units"):
        rule = f"a kernel of {shown(config.get('units'))} units"
        chain.refuse(layer.name, f"shape {weight.values.shape}", "weights and JSON differ", expected=rule)
    chain.linear(layer.name, weight, bias)
    chain.activation(layer.name, activation_of(config.get("activation")))


def _targets(targets: Any, own: Mapping[str, Any] | None) -> Any:
    """Give class indices flat, as sparse losses also take them in a column."""
    array = array_of(targets)
    sparse = own is not None and own["name"] == "cross_entropy" and array.ndim == 2 and array.shape[1] == 1
    return array[:, 0] if sparse else array
