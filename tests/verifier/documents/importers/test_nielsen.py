"""Nielsen's network2: his own feedforward and backpropagation, transcribed, are the independent source."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.documents.importers.problems import batch, outputs_of
from verifier import MalformedSubmission, verify
from verifier.documents.importers import from_nielsen

SIZES = [4, 6, 5, 3]


class Nielsen:
    """network2.py (MIT licence, Michael Nielsen), chapter 3: feedforward, backprop and save."""

    def __init__(self, cost: str) -> None:
        rng = np.random.default_rng(0)
        self.sizes, self.cost = SIZES, cost
        self.biases = [rng.normal(size=(y, 1)) for y in SIZES[1:]]
        self.weights = [rng.normal(size=(y, x)) / np.sqrt(x) for x, y in pairwise(SIZES)]

    def feedforward(self, a: Any) -> Any:
        for b, w in zip(self.biases, self.weights, strict=True):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def backprop(self, x: Any, y: Any) -> tuple[list[Any], list[Any]]:
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation, activations, zs = x, [x], []
        for b, w in zip(self.biases, self.weights, strict=True):
            zs.append(np.dot(w, activation) + b)
            activation = sigmoid(zs[-1])
            activations.append(activation)
        delta = activations[-1] - y
        if self.cost == "QuadraticCost":
            delta = delta * sigmoid_prime(zs[-1])
        nabla_b[-1], nabla_w[-1] = delta, np.dot(delta, activations[-2].transpose())
        for layer in range(2, len(SIZES)):
            delta = np.dot(self.weights[-layer + 1].transpose(), delta) * sigmoid_prime(zs[-layer])
            nabla_b[-layer] = delta
            nabla_w[-layer] = np.dot(delta, activations[-layer - 1].transpose())
        return nabla_b, nabla_w

    def to_json(self) -> dict[str, Any]:
        return {
            "sizes": self.sizes,
            "weights": [w.tolist() for w in self.weights],
            "biases": [b.tolist() for b in self.biases],
            "cost": self.cost,
        }


def sigmoid(z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z: Any) -> Any:
    return sigmoid(z) * (1 - sigmoid(z))


@pytest.mark.parametrize("cost", ["QuadraticCost", "CrossEntropyCost"])
def test_a_saved_networks_outputs_and_nablas_are_reproduced(cost: str, tmp_path: Path) -> None:
    network = Nielsen(cost)
    (tmp_path / "network.json").write_text(json.dumps(network.to_json()))
    inputs, targets = batch(3)[0], np.eye(5, 3)
    each = [network.backprop(x[:, None], y[:, None]) for x, y in zip(inputs, targets, strict=True)]
    gradients = tuple([sum(one) for one in zip(*side, strict=True)] for side in zip(*each, strict=True))
    document = from_nielsen(tmp_path / "network.json", inputs, targets, gradients=gradients)
    np.testing.assert_allclose(outputs_of(document), network.feedforward(inputs.T).T, atol=1e-13)
    report = verify(document)
    assert report.verdict == "correct", str(report)
    assert document["parameters"]["layers.0.bias"].shape == (6, 1)


GOOD = Nielsen("QuadraticCost").to_json()
REFUSED = [
    ("a list", [], 'an object {"sizes"'),
    ("nothing", {}, "/sizes: expected a list, got nothing(.|\n)*/cost: expected one of"),
    ("another cost", GOOD | {"cost": "HingeCost"}, '/cost: .*"HingeCost"'),
    ("a layer too few", GOOD | {"weights": GOOD["weights"][:2]}, "/weights: expected 3 arrays"),
    ("other sizes", GOOD | {"sizes": [4, 7, 5, 3]}, r"/weights/0: expected shape \(7, 4\)"),
    ("ragged rows", GOOD | {"biases": [[[1.0], [2.0, 3.0]], *GOOD["biases"][1:]]}, "/biases/0: .*lengths"),
    ("words", GOOD | {"weights": [[["a"]], *GOOD["weights"][1:]]}, "/weights/0: expected a list of lists of"),
]


@pytest.mark.parametrize(("saved", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_other_json_is_refused_where_it_errs(saved: Any, message: str) -> None:
    with pytest.raises(MalformedSubmission, match=message):
        from_nielsen(json.dumps(saved).encode(), *batch(3))


@pytest.mark.parametrize("content", [b"\x80\x04.", json.dumps(GOOD).encode()[:100], b""])
def test_pickles_and_truncated_files_are_refused(content: bytes) -> None:
    with pytest.raises(MalformedSubmission, match="JSON text"):
        from_nielsen(content, *batch(3))
