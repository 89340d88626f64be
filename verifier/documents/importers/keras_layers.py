"""Iterate over the layers in the JSON of Keras 3, nested models included. No code in the JSON is run."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from verifier.documents.importers.common import LayerCollector, Unsupported, refused
from verifier.problem.errors import describe

Config = Mapping[str, Any]
Written = str | dict[str, Any]


# options are the defaults of Keras (keras/src/activations/activations.py, Keras 3.15)
_BY_NAME: Mapping[str, Written] = MappingProxyType(
    {
        "linear": "identity",
        "relu": "relu",
        "leaky_relu": {"name": "leaky_relu", "slope": 0.2},
        "elu": {"name": "elu", "alpha": 1.0},
        "softplus": "softplus",
        "gelu": "gelu",
        "silu": "silu",
        "swish": "silu",
        "sigmoid": "sigmoid",
        "tanh": "tanh",
        "softmax": "softmax",
        "log_softmax": "log_softmax",
        "selu": "selu",
        "mish": "mish",
        "softsign": "softsign",
        "hard_silu": "hardswish",
        "hard_swish": "hardswish",
        "hard_tanh": "hardtanh",
        "log_sigmoid": "log_sigmoid",
    }
)


def _relu(config: Config) -> Written:
    slope = config.get("negative_slope") or 0.0
    if config.get("max_value") is not None or (config.get("threshold") or 0.0) != 0.0:
        raise Unsupported("a ReLU with max_value or threshold")
    return {"name": "leaky_relu", "slope": float(slope)} if slope else "relu"


def _softmax(config: Config) -> Written:
    if config.get("axis", -1) not in (-1, 1, [-1], [1]):
        raise Unsupported(f"a softmax over axis {config['axis']}")
    return "softmax"


_LAYERS: Mapping[str, Callable[[Config], Written]] = MappingProxyType(
    {
        "Activation": lambda config: activation_of(config.get("activation")),
        "ReLU": _relu,
        "Softmax": _softmax,
        "LeakyReLU": lambda config: {
            "name": "leaky_relu",
            "slope": float(config.get("negative_slope", config.get("alpha", 0.3))),
        },
        "ELU": lambda config: {"name": "elu", "alpha": float(config.get("alpha", 1.0))},
    }
)


def activation_of_layer(name: str, config: Config) -> Written | None:
    """Return the activation of a layer class; None if it is not an activation. Raises: Unsupported."""
    return _LAYERS[name](config) if name in _LAYERS else None


def activation_of(value: Any) -> Written:
    """Return the activation of a config field: a name, a layer, or None. Raises: Unsupported."""
    if value is None:
        return "identity"
    if isinstance(value, Mapping):
        name = str(value.get("class_name"))[:60]
        config = value.get("config")
        activation = activation_of_layer(name, config) if isinstance(config, Mapping) else None
        if activation is None or not known(value):
            raise Unsupported(f"the activation {name} of somebody's own")
        return activation
    if not isinstance(value, str) or value not in _BY_NAME:
        raise Unsupported(f"the activation {describe(value)}")
    return _BY_NAME[value]


def known(document: Mapping[str, Any]) -> bool:
    """True if a class belongs to Keras. Custom classes are never imported or run."""
    module = document.get("module", "keras")  # older files have no `module`
    registered = document.get("registered_name")
    return isinstance(module, str) and module.split(".")[0] == "keras" and ">" not in str(registered)


_MSE = {"name": "mse", "factor": 1.0, "outputs": "mean"}
_CROSS_ENTROPY = {"name": "cross_entropy"}
_BINARY = {"name": "binary_cross_entropy", "outputs": "mean"}

_MAE = {"name": "mae", "outputs": "mean"}

LOSSES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "mae": _MAE,
        "mean_absolute_error": _MAE,
        "MeanAbsoluteError": _MAE,
        "huber": {"name": "huber", "outputs": "mean"},
        "kl_divergence": {"name": "kl_divergence"},
        "KLDivergence": {"name": "kl_divergence"},
        "mse": _MSE,
        "mean_squared_error": _MSE,
        "MeanSquaredError": _MSE,
        "categorical_crossentropy": _CROSS_ENTROPY,
        "CategoricalCrossentropy": _CROSS_ENTROPY,
        "sparse_categorical_crossentropy": _CROSS_ENTROPY,
        "SparseCategoricalCrossentropy": _CROSS_ENTROPY,
        "binary_crossentropy": _BINARY,
        "BinaryCrossentropy": _BINARY,
    }
)
_MEANS = ("sum_over_batch_size", "mean", "auto")
_NORMS = MappingProxyType({"L1": ("l1",), "L2": ("l2",), "L1L2": ("l1", "l2")})


def loss_of_model(model: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the loss of a compiled model; None if it was not compiled. Raises: ImportRefused."""
    compiled = model.get("compile_config")
    loss: Any = compiled.get("loss") if isinstance(compiled, Mapping) else None
    if loss is None:
        return None
    config: Any = {}
    if isinstance(loss, Mapping):
        loss, config = loss.get("class_name"), loss.get("config", {})
    if not isinstance(loss, str) or loss not in LOSSES or not isinstance(config, Mapping):
        known = ", ".join(name for name in LOSSES if name.islower())
        raise refused("compile_config/loss", f"one of {known}", describe(loss), "name the loss yourself")
    if config.get("label_smoothing") or config.get("ignore_class") is not None:
        rule = "a loss without label_smoothing and ignore_class"
        raise refused("compile_config/loss", rule, "one with it", "smooth the targets yourself")
    reduction = config.get("reduction", "sum_over_batch_size")
    if reduction != "sum" and reduction not in _MEANS:
        raise refused("compile_config/loss", f"a reduction: sum, {', '.join(_MEANS)}", describe(reduction))
    fields = dict(LOSSES[loss]) | {"batch": "sum" if reduction == "sum" else "mean"}
    if fields["name"] not in ("mse", "mae", "huber"):
        fields["on"] = "logits" if config.get("from_logits") else "probabilities"
    return fields


def penalties_of(layers: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return `l2` and `l1` of Dense layers, given as (name, config): coefficient · Σ w², without a half.

    Raises: ImportRefused if layers have different coefficients, since a submission has one for all layers.
    """
    layers = list(layers)
    kernels = [_strengths(name, config, "kernel_regularizer") for name, config in layers]
    with_biases = [(name, config) for name, config in layers if config.get("use_bias", True)]
    biases = [_strengths(name, config, "bias_regularizer") for name, config in with_biases]
    penalties = {}
    for norm in ("l2", "l1"):
        on_kernels = {strengths.get(norm, 0.0) for strengths in kernels}
        on_biases = {strengths.get(norm, 0.0) for strengths in biases} or {0.0}
        if len(on_kernels) > 1 or on_biases not in ({0.0}, on_kernels):
            rule = f"one {norm} for all kernels, and for no bias or for all biases alike"
            values = ", ".join(f"{value:g}" for value in sorted(on_kernels | on_biases))
            raise refused("kernel_regularizer", rule, values, "regularize all layers alike")
        if (strength := on_kernels.pop()) != 0.0:
            penalised = on_biases != {0.0}
            penalties[norm] = {"strength": strength, "factor": 1.0, "batch": "none", "biases": penalised}
    return penalties


def _strengths(layer: str, config: Mapping[str, Any], field: str) -> dict[str, float]:
    regularizer = config.get(field)
    if regularizer is None:
        return {}
    name = str(regularizer.get("class_name") if isinstance(regularizer, Mapping) else None)
    coefficients = regularizer.get("config") if isinstance(regularizer, Mapping) else None
    if name not in _NORMS or not isinstance(coefficients, Mapping):
        raise refused(f"{layer}.{field}", f"one of {', '.join(_NORMS)}", describe(name))
    try:
        return {norm: float(coefficients.get(norm, 0.0)) for norm in _NORMS[name]}
    except (TypeError, ValueError):
        raise refused(f"{layer}.{field}", "a number", describe(coefficients)) from None


_MODELS = ("Sequential", "Functional", "Model")
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class KerasLayer:
    """One layer.

    name: its path, with the names of the enclosing models. place: its group in a .weights.h5 file.
    """

    name: str
    class_name: str
    config: Mapping[str, Any]
    place: str
    document: Mapping[str, Any]


def layers_of(
    model: Any, chain: LayerCollector, name: str = "", place: str = "", depth: int = 0
) -> Iterator[KerasLayer]:
    """Yield all layers of a model, depth first; anything else is refused on the chain."""
    config = model.get("config") if isinstance(model, Mapping) else None
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if depth > _MAX_DEPTH or not isinstance(layers, list):
        actual = (
            describe(model)
            if not isinstance(model, Mapping)
            else f"class {str(model.get('class_name'))[:60]}"
        )
        chain.refuse(
            name, actual, "save it with model.to_json()", expected="a Sequential or Functional model"
        )
        return
    counts: Counter[str] = Counter()
    for index, layer in enumerate(layers):
        if not isinstance(layer, Mapping) or not isinstance(layer.get("config"), Mapping):
            chain.refuse(
                f"{name or 'model'}.layers.{index}", describe(layer), expected="a layer with its config"
            )
            continue
        class_name = str(layer.get("class_name"))
        layer_name = str(layer["config"].get("name", class_name))
        full_name = f"{name}/{layer_name}" if name else layer_name
        snake_name = _snake_case(class_name)
        place_of_layer = f"{place}layers/{snake_name}" + (
            f"_{counts[snake_name]}" if counts[snake_name] else ""
        )
        counts[snake_name] += 1
        if index and not _follows_previous(layer, layers[index - 1]):
            chain.refuse(full_name, "inputs from elsewhere", expected="the layer before it as its one input")
        if class_name in _MODELS:
            yield from layers_of(layer, chain, full_name, f"{place_of_layer}/", depth + 1)
        else:
            yield KerasLayer(full_name, class_name, layer["config"], place_of_layer, layer)


def _follows_previous(layer: Mapping[str, Any], previous: Any) -> bool:
    """True if a layer is called once, on the layer before; layers of a Sequential model have no calls."""
    nodes = layer.get("inbound_nodes")
    if nodes is None:
        return True
    sources = list(_source_layers(nodes))
    name = previous.get("name") if isinstance(previous, Mapping) else None
    return len(nodes) == 1 and sources == [name]


def _source_layers(value: Any, depth: int = 0) -> Iterator[Any]:
    """Yield the names of the layers that the arguments of a call come from."""
    if isinstance(value, Mapping):
        history = value.get("keras_history")
        if isinstance(history, list) and history:
            yield history[0]
        for inner in value.values():
            yield from _source_layers(inner, depth + 1) if depth < _MAX_DEPTH else ()
    elif isinstance(value, list):
        for inner in value:
            yield from _source_layers(inner, depth + 1) if depth < _MAX_DEPTH else ()


def _snake_case(class_name: str) -> str:
    """Return a class name as in Keras files: LeakyReLU -> leaky_re_lu (keras/src/utils/naming.py)."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
