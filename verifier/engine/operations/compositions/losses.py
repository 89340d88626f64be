"""Compositions that are losses, one number each: L1, Huber, hinge, Kullback-Leibler, weighted classes."""

from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.operations.steps import (
    Step,
    apply,
    composed,
    mean,
    number,
    rearranged,
    total,
    where,
    whole_number,
)
from verifier.problem.errors import describe
from verifier.problem.graph import GraphOperation, MisfitError, Options, Shape

_REDUCTIONS = ("mean", "sum", "none")


def reduced(terms: Step, reduction: Any, divisor: float | None = None) -> Step:
    """Return the mean or the sum of terms, or the terms. divisor: of the mean, their number unless given."""
    if reduction not in _REDUCTIONS:
        raise MisfitError(" or ".join(_REDUCTIONS), describe(reduction), field="reduction")
    if reduction == "none":
        return terms
    if reduction == "mean":
        return mean(terms) if divisor is None else total(terms) / divisor
    return total(terms)


def l1(x: Step, target: Step, reduction: Any = "mean") -> Step:
    return reduced(apply("absolute", x - target), reduction)


def huber(x: Step, target: Step, delta: Any = 1.0, reduction: Any = "mean") -> Step:
    """Return ½ d² for a distance d up to delta, and delta (d − ½ delta) beyond."""
    bound = number(delta, "delta")
    if bound <= 0:
        raise MisfitError("a number above 0", str(bound), field="delta")
    distance = apply("absolute", x - target)
    near = apply("clip", distance, max=bound)
    return reduced(0.5 * apply("power", near, exponent=2.0) + bound * (distance - near), reduction)


def smooth_l1(x: Step, target: Step, beta: Any = 1.0, reduction: Any = "mean") -> Step:
    """Return huber / beta; |x − target| for beta = 0."""
    if number(beta, "beta") == 0:
        return l1(x, target, reduction)
    return huber(x, target, beta, reduction) / float(beta)


def _check_classes(options: Options, shapes: tuple[Shape, ...], classes: Array) -> str:
    count = shapes[0][-1] if len(shapes[0]) < 3 else shapes[0][1]
    ignored = options["given"].get("ignore", -100)
    wrong = (classes != np.rint(classes)) | (((classes < 0) | (classes >= count)) & (classes != ignored))
    return f"class indices from 0 to {count - 1}, or {ignored} to be ignored" if wrong.any() else ""


def _weights(weights: Any, count: int) -> Array:
    if weights is None:
        return np.ones(count)
    if not isinstance(weights, list | tuple) or len(weights) != count:
        raise MisfitError(f"a list of {count} numbers", describe(weights), field="weights")
    return np.array([number(weight, "weights") for weight in weights])


def negative_log_likelihood(
    x: Step,
    classes: Array,
    weights: Any = None,
    ignore: Any = -100,
    smoothing: Any = 0.0,
    reduction: Any = "mean",
) -> Step:
    """Return −Σ w log p of the right classes, over Σ w for the mean; x holds log p, (N, classes, …).

    weights: one for each class. ignore: a class whose examples do not count. smoothing: the share of the
    targets that all classes have equally.
    """
    if x.rank == 1:
        if classes.shape != ():
            raise MisfitError("one class index", f"shape {classes.shape}")
        count, axis = x.shape[0], 0
    else:
        count, axis = x.shape[1], 1
        if classes.shape != (*x.shape[:1], *x.shape[2:]):
            raise MisfitError(f"class indices of shape {(*x.shape[:1], *x.shape[2:])}", f"{classes.shape}")
    factors, share = _weights(weights, count), number(smoothing, "smoothing")
    whole = classes.astype(np.intp)
    counted = whole != whole_number(ignore, "ignore")
    chosen = np.where(counted, whole, 0)
    places = np.arange(count).reshape((count, *(1,) * (x.rank - 1 - axis)))
    one_hot = (places == np.expand_dims(chosen, axis)) & np.expand_dims(counted, axis)
    by_class = factors.reshape(places.shape)
    weight = one_hot * by_class * (1.0 - share)
    if share:
        weight = weight + np.expand_dims(counted, axis) * by_class * share / count
    terms = -total(where(weight != 0, x, 0.0, x.steps) * weight, axis)
    sum_of_weights = float((factors[chosen] * counted).sum())
    if reduction == "mean" and sum_of_weights == 0:
        sum_of_weights = 1.0
    return reduced(terms, reduction, sum_of_weights)


def weighted_cross_entropy(x: Step, classes: Array, **options: Any) -> Step:
    """Return the negative log likelihood of the softmax of logits, (N, classes, …)."""
    if x.rank < 3:
        return negative_log_likelihood(apply("log_softmax", x), classes, **options)
    last = rearranged(x, lambda index: np.moveaxis(index, 1, -1))
    logarithms = apply("log_softmax", last)
    return negative_log_likelihood(
        rearranged(logarithms, lambda index: np.moveaxis(index, -1, 1)), classes, **options
    )


def multiclass_hinge(
    x: Step, classes: Array, margin: Any = 1.0, power: Any = 1, reduction: Any = "mean", weights: Any = None
) -> Step:
    """Return Σ max(0, margin − x_y + x_j)ᵖ / classes over j ≠ y, for rows of scores."""
    if x.rank != 2 or classes.shape != x.shape[:1]:
        raise MisfitError("scores (N, classes) and N class indices", f"{x.shape} and {classes.shape}")
    whole, count = classes.astype(np.intp), x.shape[1]
    right = rearranged(x, lambda index: np.take_along_axis(index, whole[:, None], 1))
    terms = apply("relu", x - right + number(margin, "margin"))
    if power == 2:
        terms = apply("power", terms, exponent=2.0)
    others = np.arange(count) != whole[:, None]
    weighted = _weights(weights, count)[whole][:, None] * others / count
    return reduced(total(where(others, terms, 0.0, x.steps) * weighted, 1), reduction)


def kl_divergence(x: Step, target: Step, reduction: Any = "mean") -> Step:
    """Return Σ y (log y − x) for log probabilities x and targets y > 0."""
    return reduced(target * (apply("log", target) - x), reduction)


_CLASS_OPTIONS = ("weights", "ignore", "smoothing", "reduction")
ROWS: tuple[GraphOperation, ...] = (
    composed("l1", "the mean of |x − y|", l1, (2, 2), options=("reduction",)),
    composed("huber", "½ d² up to `delta`, linear beyond", huber, (2, 2), options=("delta", "reduction")),
    composed("smooth_l1", "huber / `beta`", smooth_l1, (2, 2), options=("beta", "reduction")),
    composed(
        "negative_log_likelihood",
        "of the right classes (an input) by log p; `weights` of classes, a class to `ignore`, `smoothing`",
        negative_log_likelihood,
        (2, 2),
        options=_CLASS_OPTIONS,
        data=(1,),
        check_data=_check_classes,
    ),
    composed(
        "weighted_cross_entropy",
        "the same of the softmax of logits",
        weighted_cross_entropy,
        (2, 2),
        options=_CLASS_OPTIONS,
        data=(1,),
        check_data=_check_classes,
    ),
    composed(
        "multiclass_hinge",
        "Σ max(0, `margin` − x_y + x_j)ᵖ / classes over the other classes j, p being `power`",
        multiclass_hinge,
        (2, 2),
        options=("margin", "power", "reduction", "weights"),
        data=(1,),
        check_data=_check_classes,
    ),
    composed(
        "kl_divergence",
        "the mean of y (log y − x) for log probabilities x",
        kl_divergence,
        (2, 2),
        options=("reduction",),
    ),
)
