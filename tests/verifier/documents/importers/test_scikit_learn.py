"""scikit-learn's estimators, fitted here: their own predictions and gradients are the independent source."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.verifier.documents.importers.problems import batch, outputs_of
from verifier import MalformedSubmission, verify
from verifier.documents.importers import from_sklearn

LABELS = {
    "three words": np.array(["cat", "dog", "emu", "cat", "dog"]),
    "two numbers": np.array([7, 3, 3, 7, 7]),
    "several at once": np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, 0, 0]]),
}


def make_estimator(kind: str, **options: Any) -> Any:
    """Make an estimator of scikit-learn, which takes a second to load."""
    from sklearn import linear_model, neural_network

    return getattr(neural_network if kind.startswith("MLP") else linear_model, kind)(**options)


def fit(estimator: Any, inputs: Any, targets: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one step does not converge: it makes the parameters
        return estimator.set_params(max_iter=1, random_state=0).fit(inputs, targets)


def gradients_of(estimator: Any, inputs: Any, targets: Any) -> tuple[float, list[Any], list[Any]]:
    """Return scikit-learn's results: loss, coef_grads, intercept_grads."""
    count = len(estimator.coefs_)
    places: list[list[Any]] = [[None] * count for _ in range(3)]
    return estimator._backprop(inputs, targets, None, [inputs] + [None] * count, *places)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("labels", LABELS)
def test_a_classifiers_probabilities_loss_and_gradients_are_reproduced(activation: str, labels: str) -> None:
    inputs, targets = batch(1)[0], LABELS[labels]
    estimator = fit(
        make_estimator("MLPClassifier", hidden_layer_sizes=(6, 5), activation=activation, alpha=0.1),
        inputs,
        targets,
    )
    binarized = estimator._label_binarizer.transform(targets)
    loss, *gradients = gradients_of(estimator, inputs, binarized)
    document = from_sklearn(estimator, inputs, targets, gradients=gradients, reported_loss=float(loss))
    probabilities = estimator.predict_proba(inputs)
    if labels == "two numbers":
        probabilities = probabilities[:, 1:]
    np.testing.assert_allclose(outputs_of(document), probabilities, atol=1e-13)
    report = verify(document)
    assert report.verdict == "correct", str(report)
    assert report.loss.verdict == "correct"


@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_a_regressor_of_one_output_is_correct(alpha: float) -> None:
    inputs, targets = batch(1)
    estimator = fit(
        make_estimator("MLPRegressor", hidden_layer_sizes=(6,), activation="tanh", alpha=alpha),
        inputs,
        targets.ravel(),
    )
    loss, *gradients = gradients_of(estimator, inputs, targets)
    document = from_sklearn(
        estimator, inputs, targets.ravel(), gradients=gradients, reported_loss=float(loss)
    )
    np.testing.assert_allclose(outputs_of(document).ravel(), estimator.predict(inputs), atol=1e-13)
    report = verify(document)
    assert report.verdict == "correct"
    assert report.loss.verdict == "correct"


def test_a_regressor_of_three_outputs_has_scikit_learns_own_mistake() -> None:
    inputs, targets = batch(3)
    estimator = fit(
        make_estimator("MLPRegressor", hidden_layer_sizes=(6, 5), activation="tanh"), inputs, targets
    )
    loss, *gradients = gradients_of(estimator, inputs, targets)
    report = verify(from_sklearn(estimator, inputs, targets, gradients=gradients, reported_loss=float(loss)))
    assert report.verdict == "incorrect"
    assert report.loss.verdict == "correct"
    assert [row.bug for row in report.diagnosis] == ["output-count-factor"]


def test_gradients_may_be_named_and_the_loss_replaced_while_alpha_stays() -> None:
    inputs, targets = batch(3)
    estimator = fit(make_estimator("MLPRegressor", hidden_layer_sizes=(6,), alpha=0.5), inputs, targets)
    _, weights, biases = gradients_of(estimator, inputs, targets)
    gradients = {f"coefs_.{i}": one for i, one in enumerate(weights)}
    gradients |= {f"intercepts_.{i}": one for i, one in enumerate(biases)}
    summed = {"name": "mse", "factor": 0.5, "outputs": "sum"}
    document = from_sklearn(estimator, inputs, targets, loss=summed, gradients=gradients)
    assert document["loss"]["l2"]["strength"] == 0.5
    assert verify(document).verdict == "correct"  # the loss whose gradient scikit-learn computes


REFUSED = [
    (
        "another estimator",
        lambda: make_estimator("LogisticRegression"),
        "expected an MLPClassifier or MLPRegressor, got LogisticReg",
    ),
    ("not fitted", lambda: make_estimator("MLPRegressor"), "expected a fitted estimator"),
    ("a path to a pickle", lambda: "model.pkl", "hand it over live"),
]


@pytest.mark.parametrize(("estimator", "message"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED])
def test_all_but_fitted_perceptrons_are_refused(estimator: Callable[[], Any], message: str) -> None:
    with pytest.raises(MalformedSubmission, match=message):
        from_sklearn(estimator(), *batch(1))


def test_another_loss_and_unknown_labels_are_refused() -> None:
    inputs, targets = batch(1)
    poisson = fit(
        make_estimator("MLPRegressor", hidden_layer_sizes=(3,), loss="poisson"),
        inputs,
        np.abs(targets.ravel()),
    )
    with pytest.raises(MalformedSubmission, match="got poisson"):
        from_sklearn(poisson, inputs, targets)
    classifier = fit(make_estimator("MLPClassifier", hidden_layer_sizes=(3,)), inputs, LABELS["three words"])
    with pytest.raises(MalformedSubmission, match="labels that the estimator was fitted with"):
        from_sklearn(classifier, inputs, np.array(["cat", "yak", "emu", "cat", "dog"]))
