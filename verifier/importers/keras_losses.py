"""Convert losses and regularizers of Keras 3 to the document's `loss`."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from verifier.documents.mistakes import shown
from verifier.importers.refusal import refused

_MSE = {"name": "mse", "factor": 1.0, "outputs": "mean"}
_CROSS_ENTROPY = {"name": "cross_entropy"}
_BINARY = {"name": "binary_cross_entropy", "outputs": "mean"}

LOSSES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
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
        raise refused("compile_config/loss", f"one of {known}", shown(loss), "name the loss yourself")
    if config.get("label_smoothing") or config.get("ignore_class") is not None:
        rule = "a loss without label_smoothing and ignore_class"
        raise refused("compile_config/loss", rule, "one with it", "smooth the targets yourself")
    reduction = config.get("reduction", "sum_over_batch_size")
    if reduction != "sum" and reduction not in _MEANS:
        raise refused("compile_config/loss", f"a reduction: sum, {', '.join(_MEANS)}", shown(reduction))
    fields = dict(LOSSES[loss]) | {"batch": "sum" if reduction == "sum" else "mean"}
    if fields["name"] != "mse":
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
        raise refused(f"{layer}.{field}", f"one of {', '.join(_NORMS)}", shown(name))
    try:
        return {norm: float(coefficients.get(norm, 0.0)) for norm in _NORMS[name]}
    except (TypeError, ValueError):
        raise refused(f"{layer}.{field}", "a number", shown(coefficients)) from None
