"""Compare the gradient of scikit-learn's `MLPRegressor` with its own squared error (issue #8349).

The loss is a mean over the outputs, but the gradient is a sum, which is larger by the number of outputs.
Requires scikit-learn, which is a test dependency.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from benchmarks.support.diagnosing.summary import DiagnosisSummary, summarize

OUTPUTS = 3
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


def submission(activation: str = "tanh", alpha: float = 0.0, examples: int = 8, seed: int = 0) -> dict:
    """Return the loss and the gradient that `MLPRegressor` computes, as a document."""
    from sklearn.neural_network import MLPRegressor

    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(examples, 4)), rng.normal(size=(examples, OUTPUTS))
    model = MLPRegressor(
        hidden_layer_sizes=(6, 5), activation=activation, alpha=alpha, max_iter=1, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y)  # one step, which initialises the parameters
    count = len(model.coefs_)
    deltas, weights, biases = [None] * count, [None] * count, [None] * count
    loss, weights, biases = model._backprop(x, y, None, [x] + [None] * count, deltas, weights, biases)
    name = {"logistic": "sigmoid"}.get(activation, activation)
    layers = [{"in": w.shape[0], "out": w.shape[1], "activation": name} for w in model.coefs_]
    layers[-1]["activation"] = "identity"

    def by_name(matrices: list, vectors: list) -> dict:
        arrays = {}
        for index, (matrix, vector) in enumerate(zip(matrices, vectors, strict=True)):
            arrays[f"layers.{index}.weight"], arrays[f"layers.{index}.bias"] = matrix, vector
        return arrays

    penalty = {"l2": {"strength": alpha}} if alpha else {}
    return {
        "network": {"layers": layers},
        "loss": {"preset": "sklearn.mlp_regressor", **penalty},
        "parameters": by_name(model.coefs_, model.intercepts_),
        "inputs": x,
        "targets": y,
        "gradients": by_name(weights, biases),
        "reported_loss": float(loss),
    }


def measure(activations: Sequence[str] = ACTIVATIONS) -> list[tuple[str, DiagnosisSummary]]:
    """Return a description of the model's settings and the diagnosis, for several settings."""
    results = []
    for activation in activations:
        for alpha in (0.0, 0.05):
            for examples in (1, 3, 8):
                document = submission(activation, alpha, examples)
                results.append((f"{activation}, alpha {alpha:g}, N = {examples}", summarize(document)))
    return results
