"""Import live, fitted `MLPClassifier` and `MLPRegressor` objects of scikit-learn. Pickles are not read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.importers.common import (
    LayerCollector,
    SourceArray,
    array_of,
    import_to_document,
    library,
    refused,
)

_ACTIVATIONS = {"logistic": "sigmoid"}
_LOSSES: Mapping[tuple[str, str], dict[str, Any]] = {
    ("squared_error", "identity"): {"name": "mse", "factor": 0.5, "batch": "mean", "outputs": "mean"},
    ("log_loss", "softmax"): {"name": "cross_entropy", "on": "probabilities", "batch": "mean"},
    ("log_loss", "logistic"): {
        "name": "binary_cross_entropy",
        "on": "probabilities",
        "batch": "mean",
        "outputs": "sum",
    },
}
_REMEDY = "fit the estimator and hand it over live"


def from_sklearn(
    estimator: Any,
    inputs: Any,
    targets: Any,
    *,
    loss: Any = None,
    gradients: Any = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the document of a fitted scikit-learn estimator.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        A fitted estimator.
    inputs, targets : array_like
        As for `fit`; targets of a classifier are its labels.
    loss : str or dict, optional
        The document's `loss`, instead of the estimator's own loss with the penalty `alpha`.
    gradients : tuple or mapping, optional
        The pair (coefficient gradients, intercept gradients), or arrays by the names `coefs_.0`,
        `intercepts_.0`.
    **fields
        Further fields of the document, such as `name` or `tolerance`.

    Returns
    -------
    dict
        The document, with numpy arrays.

    Raises
    ------
    ImportRefused
        If the estimator is not fitted or not supported.
    MalformedSubmission
        If the resulting document is invalid.
    MissingLibrary
        If scikit-learn is not installed.

    Examples
    --------
    >>> report = verify(from_sklearn(estimator, X, y, gradients=(coef_grads, intercept_grads)))
    """
    neural_network = library("sklearn.neural_network", "gradjury[sklearn]")
    kinds = (neural_network.MLPClassifier, neural_network.MLPRegressor)
    name = type(estimator).__name__
    if not isinstance(estimator, kinds):
        raise refused("estimator", "an MLPClassifier or MLPRegressor", name[:60], _REMEDY)
    if not hasattr(estimator, "coefs_"):
        raise refused("estimator", "a fitted estimator", f"one without coefs_, {name}", _REMEDY)
    chain = LayerCollector()
    last = len(estimator.coefs_) - 1
    hidden, output = (
        _ACTIVATIONS.get(word, word) for word in (estimator.activation, estimator.out_activation_)
    )
    for index, (weight, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        where = f"coefs_.{index}"
        chain.linear(where, SourceArray(where, weight, "in_out"), SourceArray(f"intercepts_.{index}", bias))
        chain.activation(where, hidden if index < last else output)
    if isinstance(gradients, Sequence) and len(gradients) == 2:
        gradients = {
            f"{group}.{index}": array
            for group, arrays in zip(("coefs_", "intercepts_"), gradients, strict=True)
            for index, array in enumerate(arrays)
        }
    return import_to_document(
        chain.finished(_loss_of(estimator)),
        inputs=inputs,
        targets=_targets(estimator, array_of(targets)),
        loss=loss,
        gradients=gradients,
        fields=fields,
    )


def _loss_of(estimator: Any) -> dict[str, Any]:
    fields = _LOSSES.get((estimator.loss, estimator.out_activation_))
    if fields is None:
        actual = f"{estimator.loss} after {estimator.out_activation_}"
        raise refused("/loss", "squared_error or log_loss", actual)
    penalty = {"strength": float(estimator.alpha), "factor": 0.5, "batch": "mean", "biases": False}
    return {**fields, "l2": penalty} if estimator.alpha else fields


def _targets(estimator: Any, targets: Array) -> Array:
    """Return labels as class indices; 0 and 1 for the single logistic unit of a binary classifier."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or targets.ndim != 1:
        return targets
    unknown = np.setdiff1d(targets, classes)
    if unknown.size:
        rule = f"labels that the estimator was fitted with ({', '.join(map(str, classes[:10]))})"
        raise refused("/targets", rule, ", ".join(map(str, unknown[:5])))
    return np.searchsorted(classes, targets)
