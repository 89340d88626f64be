"""Backward nodes of layers and losses of PyTorch."""

from collections.abc import Mapping
from math import prod, sqrt
from typing import Any

import numpy as np

from verifier.documents.importers.common import Unsupported
from verifier.documents.importers.constants import MASKED, shortest_decimal
from verifier.documents.importers.torch_operations.calls import (
    REDUCTIONS,
    Argument,
    Built,
    Call,
    Operand,
    Row,
    Saved,
    X,
    call,
    moved,
    signed,
)

_INPUT, _WEIGHT = Operand(0, "input"), Operand(1, "weight")


def _has(saved: Saved, place: int, name: str) -> bool:
    """True if an operand takes part, with a gradient or as a constant."""
    edges = saved.node.next_functions
    return (len(edges) > place and edges[place][0] is not None) or saved.get(name) is not None


def _affine(saved: Saved, weight: int = 1, bias: int = 2) -> list[Operand]:
    """Return the weight and the bias of a normalisation, if there are."""
    parts = []
    if _has(saved, weight, "weight"):
        parts.append(Operand(weight, "weight"))
        if _has(saved, bias, "bias"):
            parts.append(Operand(bias, "bias"))
    return parts


def _convolution(saved: Saved) -> Built:
    options = {
        "stride": list(saved["stride"]),
        "padding": list(saved["padding"]),
        "dilation": list(saved["dilation"]),
        "groups": int(saved["groups"]),
    }
    edges = saved.node.next_functions
    # PyTorch saves the size of a bias and not the bias
    has_bias = edges[2][0] is not None or (saved.get("bias_sym_sizes_opt") or (0,))[0] > 0
    op = "transposed_convolution" if saved["transposed"] else "convolution"
    if saved["transposed"]:
        options["output_padding"] = list(saved["output_padding"])
    if has_bias and edges[2][0] is not None:
        return call(op, _INPUT, _WEIGHT, Operand(2), **options)
    product = call(op, _INPUT, _WEIGHT, **options)
    return call("add", product, Operand(2)) if has_bias else product


def _pool(op: str, saved: Saved, **options: Any) -> Built:
    """Return a call of pooling with the windows that PyTorch saved."""
    kernel = list(saved["kernel_size"])
    return call(
        op,
        X,
        kernel=kernel,
        stride=list(saved["stride"]) or kernel,
        padding=list(saved["padding"]),
        ceil_mode=bool(saved["ceil_mode"]),
        **options,
    )


def _max_pool(saved: Saved) -> Built:
    return _pool("max_pool", saved, dilation=list(saved["dilation"]))


def _average_pool(saved: Saved) -> Built:
    padding, divisor = bool(saved["count_include_pad"]), saved["divisor_override"]
    return _pool("average_pool", saved, count_padding=padding, divisor=divisor)


def _adaptive_average_pool(saved: Saved) -> Built:
    """Return the product with a matrix of means along each axis, since windows may differ in size."""
    value: Argument = X
    shape = saved.operand_shape(0)
    spatial = 3 if "3D" in saved.node.name() else 2
    rank = len(shape)
    for axis in range(rank - spatial, rank):
        size, count = shape[axis], saved.shape[axis]
        means = np.zeros((size, count))
        for place in range(count):
            start, end = place * size // count, -(-(place + 1) * size // count)
            means[start:end, place] = 1.0 / (end - start)
        order = [*(other for other in range(rank) if other != axis), axis]
        value = call("matmul", call("transpose", value, axes=order), means)
        value = call("transpose", value, axes=[int(entry) for entry in np.argsort(order)])
    assert isinstance(value, Call)
    return value


def _by_saved_place(saved: Saved) -> Built:
    """Return the entries of adaptive max pooling, whose places in each plane PyTorch saves."""
    places, shape = saved.array("result1"), saved.operand_shape(0)
    planes = prod(shape[: len(shape) - 2])
    offsets = np.arange(planes).reshape(*shape[:-2], 1, 1) * prod(shape[-2:])
    return call("take", X, (places + offsets).astype(np.float64))


def _nearest(saved: Saved) -> Built:
    shape = saved.operand_shape(0)
    spatial = len(shape) - 2
    indices = [
        np.minimum((np.arange(count) * (size / count)).astype(int), size - 1)
        for size, count in zip(shape[2:], saved.shape[2:], strict=True)
    ]
    return moved(
        saved, lambda places: places[(slice(None), slice(None), *np.ix_(*indices))] if spatial else places
    )


def _layer_norm(saved: Saved) -> Built:
    return call(
        "layer_norm", _INPUT, *_affine(saved), axes=len(saved["normalized_shape"]), epsilon=_epsilon(saved)
    )


def _epsilon(saved: Saved) -> float:
    """Return the epsilon that a normalisation saved, or that follows from its standard deviation."""
    if saved.get("eps") is not None:
        return float(saved["eps"])
    x = saved.array("input").astype(np.float64)
    rows = x.reshape(-1, prod(saved["normalized_shape"]))
    reciprocal = saved.array("result2").astype(np.float64).reshape(-1)
    variance = rows.var(axis=1)
    place = int(variance.argmin())
    estimate = max(0.0, float(reciprocal[place] ** -2 - variance[place]))
    roundoff = np.finfo(saved.array("result2").dtype).eps * 16.0 * float(reciprocal[place] ** -2)
    return shortest_decimal(estimate - roundoff, estimate + roundoff)


def _group_norm(saved: Saved) -> Built:
    return call(
        "group_norm", _INPUT, *_affine(saved), groups=int(saved["group"]), epsilon=float(saved["eps"])
    )


def _batch_norm(saved: Saved) -> Built:
    epsilon, affine = float(saved["eps"]), _affine(saved)
    if saved["training"]:
        return call("batch_norm", _INPUT, *affine, epsilon=epsilon)
    statistics = [saved.array(name).astype(np.float64) for name in ("running_mean", "running_var")]
    return call("normalised_by", _INPUT, np.stack(statistics), *affine, epsilon=epsilon)


def _dropout(saved: Saved) -> Built:
    mask, rate = saved.array("result1"), float(saved["p"])
    return call("multiply", Operand(0), mask / (1.0 - rate))


def _attention(saved: Saved) -> Built:
    if saved.get("dropout_p"):
        raise Unsupported("attention with dropout, whose mask PyTorch does not keep", "use dropout_p=0.0")
    query, key, value = (Operand(place, name) for place, name in enumerate(("query", "key", "value")))
    scale = None if saved.get("scale") is None else float(saved["scale"])
    if saved.get("attn_mask") is None:
        return call("attention", query, key, value, causal=bool(saved["is_causal"]), scale=scale)
    mask = saved.array("attn_mask").astype(np.float64)
    shape = saved.operand_shape(1, "key")
    axes = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
    scores = call("matmul", query, call("transpose", key, axes=axes))
    scores = call("multiply", scores, 1.0 / sqrt(shape[-1]) if scale is None else scale)
    scores = call("add", scores, np.where(np.isinf(mask), 0.0, mask))
    if np.isinf(mask).any():
        scores = call("where", np.isinf(mask).astype(np.float64), MASKED, scores)
    return call("matmul", call("softmax", scores), value)


def _mse(saved: Saved) -> Built:
    difference = call("subtract", X, Operand(1, "target"))
    reduction = REDUCTIONS[saved["reduction"]]
    shape = saved.operand_shape(0)
    if reduction == "none" or len(shape) not in (1, 2):
        squares = call("square", difference)
        return squares if reduction == "none" else call(reduction, squares)
    return call("mse", X, Operand(1, "target"), factor=1.0, batch=reduction, outputs=reduction)


def _distance(op: str, option: str) -> Row:
    def row(saved: Saved) -> Built:
        options = {option: float(saved[option]), "reduction": REDUCTIONS[saved["reduction"]]}
        return call(op, X, Operand(1, "target"), **options)

    return row


def _classes(saved: Saved) -> dict[str, Any]:
    weight = saved.get("weight")
    ignored = signed(saved["ignore_index"])
    return {
        "weights": None if weight is None else [float(number) for number in saved.array("weight")],
        "ignore": ignored if (saved.array("target") == ignored).any() else None,
        "reduction": REDUCTIONS[saved["reduction"]],
    }


def _nll(saved: Saved) -> Built:
    return call("negative_log_likelihood", X, Operand(1, "target"), **_classes(saved))


def _binary(on: str) -> Row:
    def row(saved: Saved) -> Built:
        target, reduction = Operand(1, "target"), REDUCTIONS[saved["reduction"]]
        shape = saved.operand_shape(0)
        weighted = any(saved.get(name) is not None for name in ("weight", "pos_weight"))
        if reduction != "none" and not weighted and len(shape) in (1, 2) and saved.operand_shapes[1] is None:
            return call("binary_cross_entropy", X, target, on=on, batch=reduction, outputs=reduction)
        terms = _binary_terms(on, target, saved)
        return terms if reduction == "none" else call(reduction, terms)

    return row


def _binary_terms(on: str, target: Operand, saved: Saved) -> Call:
    """Return the terms of a binary cross entropy, entry by entry."""
    if on == "logits":
        logarithm, complement = call("log_sigmoid", X), call("log_sigmoid", call("negate", X))
    else:
        logarithm, complement = call("log", X), call("log", call("subtract", 1.0, X))
    positive = call("multiply", target, logarithm)
    if saved.get("pos_weight") is not None:
        positive = call("multiply", positive, saved.array("pos_weight").astype(np.float64))
    rest = call("multiply", call("subtract", 1.0, target), complement)
    terms = call("negate", call("add", positive, rest))
    if saved.get("weight") is not None:
        terms = call("multiply", terms, saved.array("weight").astype(np.float64))
    return terms


def _multi_margin(saved: Saved) -> Built:
    weight = saved.get("weight")
    return call(
        "multiclass_hinge",
        X,
        Operand(1, "target"),
        margin=float(saved["margin"]),
        power=int(saved["p"]),
        weights=None if weight is None else [float(number) for number in saved.array("weight")],
        reduction=REDUCTIONS[saved["reduction"]],
    )


def _soft_margin(saved: Saved) -> Built:
    negative = call("negate", call("multiply", X, Operand(1, "target")))
    terms, reduction = call("softplus", negative), REDUCTIONS[saved["reduction"]]
    return terms if reduction == "none" else call(reduction, terms)


_LSTM = 2  # the number of the mode


def _recurrent_layer(saved: Saved) -> Built:
    """Return one layer of an LSTM in one direction, step by step."""
    if saved["mode"] != _LSTM or saved["batch_sizes"]:
        raise Unsupported("packed sequences", "give sequences of one length")
    names = ("input", "weight0", "weight1", "weight2", "weight3", "hx_", "cx_")
    x, *parameters = (Operand(place, name) for place, name in enumerate(names))
    hidden: Argument
    cell: Argument
    *weights, hidden, cell = parameters
    if not saved["has_biases"]:
        weights = weights[:2]
    steps, outputs = saved.operand_shape(0, "input")[0], dict[int, Call]()
    for step in reversed(range(steps)) if saved["reverse"] else range(steps):
        states = call("lstm_cell", call("slice", x, index=[step]), hidden, cell, *weights)
        hidden, cell = call("slice", states, index=[0]), call("slice", states, index=[1])
        outputs[step] = hidden
    stacked = call("stack", *(outputs[step] for step in range(steps)))
    return {0: stacked, 1: call("identity", hidden), 2: call("identity", cell)}


def _distances(saved: Saved) -> Built:
    order = float(saved["p"]) if saved.get("p") is not None else 2.0
    return call("distances", Operand(0, "x1"), Operand(1, "x2"), order="inf" if np.isinf(order) else order)


ROWS: Mapping[str, Row] = {
    "ConvolutionBackward0": _convolution,
    "MaxPool2DWithIndicesBackward0": _max_pool,
    "MaxPool3DWithIndicesBackward0": _max_pool,
    "AvgPool2DBackward0": _average_pool,
    "AvgPool3DBackward0": _average_pool,
    "AdaptiveAvgPool2DBackward0": _adaptive_average_pool,
    "AdaptiveAvgPool3DBackward0": _adaptive_average_pool,
    "AdaptiveMaxPool2DBackward0": _by_saved_place,
    **{f"UpsampleNearest{axes}DBackward0": _nearest for axes in (1, 2, 3)},
    "NativeLayerNormBackward0": _layer_norm,
    "NativeGroupNormBackward0": _group_norm,
    "NativeBatchNormBackward0": _batch_norm,
    "NativeDropoutBackward0": _dropout,
    "ScaledDotProductFlashAttentionForCpuBackward0": _attention,
    "MseLossBackward0": _mse,
    "SmoothL1LossBackward0": _distance("smooth_l1", "beta"),
    "HuberLossBackward0": _distance("huber", "delta"),
    "NllLossBackward0": _nll,
    "NllLoss2DBackward0": _nll,
    "BinaryCrossEntropyBackward0": _binary("probabilities"),
    "BinaryCrossEntropyWithLogitsBackward0": _binary("logits"),
    "MultiMarginLossBackward0": _multi_margin,
    "SoftMarginLossBackward0": _soft_margin,
    "MkldnnRnnLayerBackward0": _recurrent_layer,
    "CdistBackward0": _distances,
}
