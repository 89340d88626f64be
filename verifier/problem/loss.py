"""Read the document's `loss` as a risk, with all its fields for the report."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import LOSSES, ClassWeighting, Penalty, Risk, huber
from verifier.problem.errors import ErrorCollector, Path, check_fields, describe, read_choice, read_number
from verifier.problem.other_words import LOSS_FIELDS
from verifier.problem.other_words import LOSSES as OTHER_LOSSES

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "lecture.mse": {"name": "mse", "factor": 0.5, "batch": "mean", "outputs": "sum"},
        "torch.mse": {"name": "mse", "factor": 1.0, "batch": "mean", "outputs": "mean"},
        "torch.cross_entropy": {"name": "cross_entropy", "on": "logits", "batch": "mean"},
        "torch.bce_with_logits": {
            "name": "binary_cross_entropy",
            "on": "logits",
            "batch": "mean",
            "outputs": "mean",
        },
        "cs231n.softmax": {"name": "cross_entropy", "on": "logits", "batch": "mean"},
        "nielsen.quadratic": {"name": "mse", "factor": 0.5, "batch": "sum", "outputs": "sum"},
        "nielsen.cross_entropy": {
            "name": "binary_cross_entropy",
            "on": "probabilities",
            "batch": "sum",
            "outputs": "sum",
        },
        "torch.l1": {"name": "mae", "batch": "mean", "outputs": "mean"},
        "torch.huber": {"name": "huber", "batch": "mean", "outputs": "mean"},
        "torch.multi_margin": {"name": "hinge", "batch": "mean", "outputs": "mean"},
        "torch.kl_div": {
            "name": "kl_divergence",
            "on": "log_probabilities",
            "batch": "mean",
            "outputs": "mean",
        },
        "torch.nll": {"name": "nll", "batch": "mean"},
        "cs231n.svm": {"name": "hinge", "batch": "mean", "outputs": "sum"},
        "keras.mae": {"name": "mae", "batch": "mean", "outputs": "mean"},
        "keras.huber": {"name": "huber", "batch": "mean", "outputs": "mean"},
        "keras.kl_divergence": {"name": "kl_divergence", "on": "probabilities", "batch": "mean"},
        "keras.mse": {"name": "mse", "factor": 1.0, "batch": "mean", "outputs": "mean"},
        "sklearn.mlp_classifier": {
            "name": "cross_entropy",
            "on": "probabilities",
            "batch": "mean",
            "l2": {"factor": 0.5, "batch": "mean", "biases": False},
        },
        "sklearn.mlp_regressor": {
            "name": "mse",
            "factor": 0.5,
            "batch": "mean",
            "outputs": "mean",
            "l2": {"factor": 0.5, "batch": "mean", "biases": False},
        },
    }
)


# other names, by the name in small letters without underscores; Keras's take probabilities, PyTorch's logits
_KERAS_CROSS_ENTROPY = {"name": "cross_entropy", "on": "probabilities", "batch": "mean"}
ALIASES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "ce": {"name": "cross_entropy"},
        "crossentropy": {"name": "cross_entropy"},
        "softmaxcrossentropy": {"name": "cross_entropy", "on": "logits"},
        "categoricalcrossentropy": _KERAS_CROSS_ENTROPY,
        "sparsecategoricalcrossentropy": _KERAS_CROSS_ENTROPY,
        "bce": {"name": "binary_cross_entropy"},
        "binarycrossentropy": {"name": "binary_cross_entropy"},
        "meansquarederror": {"name": "mse"},
        "torch.mseloss": {"preset": "torch.mse"},
        "mseloss": {"preset": "torch.mse"},
        "torch.crossentropyloss": {"preset": "torch.cross_entropy"},
        "crossentropyloss": {"preset": "torch.cross_entropy"},
        "torch.bcewithlogitsloss": {"preset": "torch.bce_with_logits"},
        "bcewithlogitsloss": {"preset": "torch.bce_with_logits"},
        "l1": {"name": "mae"},
        "meanabsoluteerror": {"name": "mae"},
        "smoothl1": {"name": "huber"},
        "svm": {"name": "hinge"},
        "multiclasshinge": {"name": "hinge"},
        "kldivergence": {"name": "kl_divergence"},
        "kldiv": {"name": "kl_divergence"},
        "negativeloglikelihood": {"name": "nll"},
        **{
            f"{prefix}{name}": {"preset": preset}
            for prefix in ("", "torch.")
            for name, preset in {
                "l1loss": "torch.l1",
                "huberloss": "torch.huber",
                "smoothl1loss": "torch.huber",
                "multimarginloss": "torch.multi_margin",
                "kldivloss": "torch.kl_div",
                "nllloss": "torch.nll",
            }.items()
        },
    }
)
REDUCTIONS = ("mean", "sum")
_LARGEST_INDEX = 2**53  # a whole number of float64
LABEL_FIELDS = ("class_weights", "label_smoothing", "ignore_index")
WITH_LABELS = ("cross_entropy", "nll")
_FIELDS = ("name", "factor", "batch", "outputs", "on", "l2", "l1", "preset", "delta", *LABEL_FIELDS)
_PENALTY_FIELDS = ("strength", "factor", "batch", "biases")
_PENALTY_FACTORS = {"l2": 0.5, "l1": 1.0}


def read_loss(document: Any, path: Path, errors: ErrorCollector) -> tuple[Risk, dict[str, Any]] | None:
    """Return the risk and its fields, defaults included; None if the loss is malformed."""
    if isinstance(document, str):
        document = {"preset": document} if document in PRESETS else {"name": document}
    name = document.get("name") if isinstance(document, dict) else None
    if isinstance(name, str) and name not in LOSSES:
        alias = ALIASES.get(name.casefold().replace("_", "").replace("nn.", ""), {"name": name})
        document = {**alias, **{field: value for field, value in document.items() if field != "name"}}
    if not isinstance(document, dict):
        remedy = 'name it, as in "loss": "torch.mse"'
        errors.add(path, 'a loss, such as {"name": "mse"}', describe(document), remedy)
        return None
    if document.keys() - _FIELDS:
        check_fields(document, _FIELDS, path, errors, LOSS_FIELDS)
    penalty_defaults: dict[str, Any] = {}
    if "preset" in document:
        preset = read_choice(document["preset"], PRESETS, (*path, "preset"), errors)
        if preset is None:
            return None
        fields = dict(PRESETS[preset])
        penalty_defaults = fields.pop("l2", {})
        document = fields | {field: value for field, value in document.items() if field != "preset"}
    if "name" not in document:
        errors.add((*path, "name"), "one of " + ", ".join(LOSSES), "nothing", "name the loss")
        return None
    name = document["name"]
    if not isinstance(name, str) or name not in LOSSES:
        remedy = "for other losses write the network as a graph, with the loss among its nodes"
        read_choice(name, LOSSES, (*path, "name"), errors, OTHER_LOSSES, remedy)
        return None
    loss = LOSSES[name]
    errors_before = len(errors.records)
    if "delta" in document and name != "huber":
        errors.add((*path, "delta"), f"no such field: {name} has no delta", "one", "leave it out")
    elif "delta" in document:
        delta = read_number(document["delta"], (*path, "delta"), errors)
        if delta is not None and delta <= 0:
            errors.add((*path, "delta"), "a number above 0", describe(document["delta"]))
        elif delta is not None:
            loss = huber(delta)
    labels = _read_labels(document, name, path, errors)
    factor: float | None = loss.default_factor
    batch: str | None = "mean"
    if "factor" in document:
        factor = read_number(document["factor"], (*path, "factor"), errors)
    if factor == 0:
        remedy = "a factor of 0 makes every gradient zero, so that any code passes"
        errors.add((*path, "factor"), "a number other than 0", "0", remedy)
    if "batch" in document:
        batch = read_choice(document["batch"], REDUCTIONS, (*path, "batch"), errors)
    outputs: str | None = "sum"
    if "outputs" in document and not loss.reduces_outputs and document["outputs"] != "sum":
        errors.add(
            (*path, "outputs"),
            f"sum: {name} is one sum over a row's classes",
            describe(document["outputs"]),
        )
    elif "outputs" in document and loss.reduces_outputs:
        outputs = read_choice(document["outputs"], REDUCTIONS, (*path, "outputs"), errors)
    on = next(iter(loss.on))
    if "on" in document and len(loss.on) == 1:
        errors.add(
            (*path, "on"),
            f"no such field: {name} is taken of the outputs",
            "one",
            "leave it out",
        )
    elif "on" in document:
        on = read_choice(document["on"], loss.on, (*path, "on"), errors) or on
    penalties = [
        _read_penalty(norm, document[norm], penalty_defaults, (*path, norm), errors)
        for norm in _PENALTY_FACTORS
        if document.get(norm) is not None
    ]
    if len(errors.records) > errors_before or factor is None or batch is None or outputs is None:
        return None
    valid_penalties = tuple(penalty for penalty in penalties if penalty is not None)
    risk = Risk(loss, factor, batch, outputs, on, valid_penalties)
    return risk, loss_fields(risk) | labels


def _read_labels(document: dict[str, Any], name: str, path: Path, errors: ErrorCollector) -> dict[str, Any]:
    """Return the fields that weigh classes, smooth labels or ignore examples, as far as they are valid."""
    labels: dict[str, Any] = {}
    for field in LABEL_FIELDS:
        if document.get(field) is None:
            continue
        if name not in WITH_LABELS:
            rule = f"no such field: {name} has no {field}; {' and '.join(WITH_LABELS)} have it"
            errors.add((*path, field), rule, "one", "leave it out")
        else:
            labels[field] = document[field]
    weights = labels.get("class_weights")
    if weights is not None:
        weights = weights.tolist() if isinstance(weights, np.ndarray) else weights
        if not isinstance(weights, list | tuple) or not weights:
            errors.add((*path, "class_weights"), "a list with a number for each class", describe(weights))
        else:
            numbers = [
                read_number(weight, (*path, "class_weights", place), errors, at_least=0.0)
                for place, weight in enumerate(weights)
            ]
            labels["class_weights"] = numbers
            if not any(numbers):
                remedy = "zeros alone make every gradient zero, so that any code passes"
                errors.add((*path, "class_weights"), "a weight above 0", "zeros alone", remedy)
    if "label_smoothing" in labels:
        share = read_number(labels["label_smoothing"], (*path, "label_smoothing"), errors, at_least=0.0)
        if share is not None and share >= 1:
            errors.add((*path, "label_smoothing"), "a number from 0 to below 1", describe(share))
    index = labels.get("ignore_index")
    whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
    if index is not None and (not whole or abs(index) > _LARGEST_INDEX):
        errors.add((*path, "ignore_index"), "a whole number, such as -100", describe(index))
    return labels


def weigh_classes(
    risk: Risk, labels: Mapping[str, Any], rows: Array, counted: Array, of_classes: bool
) -> tuple[Risk, Array]:
    """Return the risk and the target rows that class weights, smoothed labels and ignored examples make.

    rows: the targets, (N, classes). counted: (N,), False for ignored examples.
    of_classes: True if the document has class indices. Then the mean is over Σ of the weights of the right
    classes, as in PyTorch's CrossEntropyLoss; that of rows of probabilities is over N.
    """
    if not any(field in labels for field in LABEL_FIELDS):
        return risk, rows
    classes = rows.shape[1]
    weights = tuple(map(float, labels.get("class_weights") or (1.0,) * classes))
    share = float(labels.get("label_smoothing") or 0.0)
    weighting = ClassWeighting(weights, share, risk.factor, risk.batch)
    return apply_weighting(risk, weighting, rows, counted, of_classes)


def apply_weighting(
    risk: Risk, weighting: ClassWeighting, rows: Array, counted: Array, of_classes: bool
) -> tuple[Risk, Array]:
    """Return the risk and the target rows with the weights of classes, as in `weigh_classes`."""
    examples, classes = rows.shape
    weights, share = np.array(weighting.weights), weighting.smoothing
    risk = replace(risk, factor=weighting.factor, batch=weighting.batch, weighting=weighting)
    smoothed = rows * (1.0 - share) + share / classes if share else rows
    weighted = np.where(counted[:, None], smoothed * weights, 0.0)
    divisor = float((rows @ weights)[counted].sum()) if of_classes else float(examples)
    if risk.batch == "mean" and divisor not in (0.0, float(examples)):
        risk = replace(risk, factor=risk.factor / divisor, batch="sum")
    return risk, weighted


def loss_fields(risk: Risk) -> dict[str, Any]:
    """Return all fields of the document's `loss`, defaults included."""
    fields: dict[str, Any] = {"name": risk.loss.name, "factor": risk.factor, "batch": risk.batch}
    fields |= risk.loss.on[risk.on].options
    if risk.loss.reduces_outputs:
        fields["outputs"] = risk.outputs
    if len(risk.loss.on) > 1:
        fields["on"] = risk.on
    for penalty in risk.penalties:
        fields[penalty.norm] = {field: getattr(penalty, field) for field in _PENALTY_FIELDS}
    return fields


def _read_penalty(
    norm: str, document: Any, defaults: dict[str, Any], path: Path, errors: ErrorCollector
) -> Penalty | None:
    if not isinstance(document, dict):
        remedy = 'write {"strength": …}' if isinstance(document, int | float) else ""
        errors.add(path, 'a penalty, such as {"strength": 0.1}', describe(document), remedy)
        return None
    check_fields(document, _PENALTY_FIELDS, path, errors)
    fields = {"factor": _PENALTY_FACTORS[norm], "batch": "none", "biases": False} | defaults | document
    strength = None
    if "strength" not in fields:
        errors.add((*path, "strength"), "a finite number", "nothing", "say how strong the penalty is")
    else:
        strength = read_number(fields["strength"], (*path, "strength"), errors, at_least=0.0)
    factor = read_number(fields["factor"], (*path, "factor"), errors)
    batch = read_choice(fields["batch"], ("none", "mean"), (*path, "batch"), errors)
    if not isinstance(fields["biases"], bool):
        errors.add((*path, "biases"), "true or false", describe(fields["biases"]))
        return None
    if strength is None or factor is None or batch is None:
        return None
    return Penalty(norm, strength, factor, batch, fields["biases"])
