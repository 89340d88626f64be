"""scikit-learn's own `MLPRegressor`, run live: its gradient against its own squared error (issue #8349).

Its loss is a mean over outputs, its gradient a sum: C times too much.
scikit-learn comes with the test dependencies.
"""

import warnings

import numpy as np

from benchmarks.diagnosing.said import Said, said_of

OUTPUTS = 3


def submission(activation: str = "tanh", alpha: float = 0.0, examples: int = 8, seed: int = 0) -> dict:
    """Give what `MLPRegressor` computes, loss and gradient both, as the contract's document."""
    from sklearn.neural_network import MLPRegressor

    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(examples, 4)), rng.normal(size=(examples, OUTPUTS))
    model = MLPRegressor(
        hidden_layer_sizes=(6, 5), activation=activation, alpha=alpha, max_iter=1, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y)  # one step: it makes the parameters
    count = len(model.coefs_)
    deltas, weights, biases = [None] * count, [None] * count, [None] * count
    loss, weights, biases = model._backprop(x, y, None, [x] + [None] * count, deltas, weights, biases)
    name = {"logistic": "sigmoid"}.get(activation, activation)
    layers = [{"in": w.shape[0], "out": w.shape[1], "activation": name} for w in model.coefs_]
    layers[-1]["activation"] = "identity"

    def by_name(matrices: list, vectors: list) -> dict:
        found = {}
        for index, (matrix, vector) in enumerate(zip(matrices, vectors, strict=True)):
            found[f"layers.{index}.weight"], found[f"layers.{index}.bias"] = matrix, vector
        return found

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


def measure() -> list[tuple[str, Said]]:
    """Give what is said of it, by the model's settings."""
    found = []
    for activation in ("identity", "logistic", "tanh", "relu"):
        for alpha in (0.0, 0.05):
            for examples in (1, 3, 8):
                given = submission(activation, alpha, examples)
                found.append((f"{activation}, alpha {alpha:g}, N = {examples}", said_of(given)))
    return found
