"""Mistakes of users, by the words of the page docs/messages.md: changes of a submission, and other calls."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from verifier.pipeline.layers import verify

Change = Callable[[dict[str, Any]], Any]
QUICK = ("backpropagation",)
W0, B0, W1, B1 = "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"


def submission() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes = {W0: (3, 4), B0: (4,), W1: (4, 2), B1: (2,)}
    parameters = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {
        "network": {"layers": [{"in": 3, "out": 4, "activation": "tanh"}, {"in": 4, "out": 2}]},
        "loss": "mse",
        "parameters": parameters,
        "inputs": rng.normal(size=(5, 3)),
        "targets": rng.normal(size=(5, 2)),
        "gradients": {name: np.full(shape, 0.123456789) for name, shape in shapes.items()},
    }


def place(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


def put(*path: Any, to: Any) -> Change:
    return lambda document: place(document, path[:-1]).update({path[-1]: to})


def turn(*path: Any, by: Callable[[Any], Any]) -> Change:
    return lambda document: place(document, path[:-1]).update({path[-1]: by(place(document, path))})


def move(name: str, to: str) -> Change:
    return lambda document: document.update({to: document.pop(name)})


def called(**names: str) -> Change:
    """Return a change of the gradients' names."""
    known = {"W0": W0, "B0": B0, "W1": W1, "B1": B1}
    return turn("gradients", by=lambda arrays: {names[key]: arrays[known[key]] for key in names})


def both(*changes: Change) -> Change:
    return lambda document: [change(document) for change in changes]


def flat(arrays: Mapping[str, Any]) -> Any:
    return np.concatenate([array.ravel() for array in arrays.values()])


LAYERS = ("network", "layers")
CLASSES = put("loss", to="cross_entropy")


def layer(**fields: Any) -> Change:
    return lambda document: place(document, LAYERS).__setitem__(0, fields)


def of_layer(index: int, field: str, to: Any) -> Change:
    return lambda document: place(document, LAYERS)[index].update({field: to})


DOCUMENTS: Mapping[str, Change] = {
    "a name misspelt": called(W0="layers.0.wieght"),
    "a field misspelt": move("gradients", "gradient"),
    "a weight transposed": turn("parameters", W0, by=np.transpose),
    "a gradient transposed": turn("gradients", W0, by=np.transpose),
    "no biases": turn("parameters", by=lambda arrays: {W0: arrays[W0], W1: arrays[W1]}),
    "the class nn.MSELoss": put("loss", to=torch.nn.MSELoss),
    "the function F.mse_loss": put("loss", to=torch.nn.functional.mse_loss),
    "loss rmse": put("loss", to="rmse"),
    "loss softmax": put("loss", to="softmax"),
    "loss None": put("loss", to=None),
    "loss ce": both(put("loss", to="ce"), put("targets", to=[0, 1, 1, 0, 1])),
    "loss torch.MSELoss": put("loss", to="torch.MSELoss"),
    "loss nn.MSELoss()": put("loss", to=torch.nn.MSELoss()),
    "reduction in the loss": put("loss", to={"name": "mse", "reduction": "mean"}),
    "activation linear": of_layer(1, "activation", "linear"),
    "activation None": of_layer(1, "activation", None),
    "activation Sigmoid": of_layer(0, "activation", "Sigmoid"),
    "activation nn.ReLU()": of_layer(0, "activation", torch.nn.ReLU()),
    "activation np.tanh": of_layer(0, "activation", np.tanh),
    "activation sigmiod": of_layer(0, "activation", "sigmiod"),
    "activation relu6": of_layer(0, "activation", "relu6"),
    "a bias of shape (1, 4)": turn("gradients", B0, by=lambda array: array[None]),
    "one vector of all gradients": turn("gradients", by=flat),
    "a list of all numbers": turn("gradients", by=lambda arrays: flat(arrays).tolist()),
    "a list of three gradients": turn("gradients", by=lambda arrays: list(arrays.values())[:3]),
    "loss and gradients": turn("gradients", by=lambda arrays: (0.5, arrays)),
    "layers counted from 1": called(W0="layers.1.weight", B0="layers.1.bias", W1="layers.2.weight"),
    "one layer, counted from 1": called(W1="layers.2.weight", B1="layers.2.bias"),
    "gradients exchanged": called(W0=W1, W1=W0),
    "names dW1, db1": called(W0="dW1", B0="db1", W1="dW2", B1="db2"),
    "names a, b": called(W0="grad_a", B0="grad_b"),
    "in_features": layer(in_features=3, out=4),
    "units": both(layer(units=4), of_layer(0, "in", 3)),
    "use_bias": both(layer(out=4, use_bias=True), of_layer(0, "in", 3)),
    "network [3, 4, 2]": put("network", to=[3, 4, 2]),
    "layers [3, 4, 2]": put("network", to={"layers": [3, 4, 2]}),
    "layers that do not fit": of_layer(1, "in", 5),
    "a size of 3.0": of_layer(0, "in", 3.0),
    "a size in quotes": of_layer(0, "in", "3"),
    "tolerance 1e-5": put("tolerance", to=1e-5),
    "rtol at the top": put("rtol", to=1e-5),
    "rtol 5": put("tolerance", to={"rtol": 5}),
    "eps at the top": put("eps", to=1e-6),
    "reduction at the top": put("reduction", to="mean"),
    "X": move("inputs", "X"),
    "y": move("targets", "y"),
    "weights": move("parameters", "weights"),
    "integer gradients": turn(
        "gradients", by=lambda arrays: {name: array.astype(int) for name, array in arrays.items()}
    ),
    "labels from 1": both(CLASSES, put("targets", to=[1.0, 2, 1, 2, 1])),
    "labels for mse": put("targets", to=[0, 1, 1, 0, 1]),
    "labels as text": both(CLASSES, put("targets", to=["cat", "dog", "cat", "dog", "cat"])),
    "labels as a column": both(CLASSES, put("targets", to=[[0], [1], [1], [0], [1]])),
    "one class too many": both(CLASSES, put("targets", to=np.eye(3)[[0, 1, 2, 0, 1]])),
    "four inputs, five targets": turn("inputs", by=lambda array: array[:4]),
    "examples as columns": turn("inputs", by=np.transpose),
    "one example, flat": put("inputs", to=np.ones(3)),
    "images": put("inputs", to=np.ones((5, 1, 3, 1))),
    "a NaN among parameters": put("parameters", B0, to=[0.0, np.nan, 0.0, 0.0]),
    "a number in quotes": put("gradients", B0, to=["0.1", 0.2, 0.3, 0.4]),
    "rows of different length": put("inputs", to=[[1, 2, 3], [1, 2], [1, 2, 3], [1, 2, 3], [1, 2, 3]]),
    "complex numbers": turn("gradients", B0, by=lambda array: array * 1j),
    "a gradient None": put("gradients", W0, to=None),
    "softmax on logits": both(
        CLASSES, of_layer(1, "activation", "softmax"), put("targets", to=[0, 1, 1, 0, 1])
    ),
    "precision fp16": put("precision", to="fp16"),
    "precision np.float32": put("precision", to=np.float32),
    "a mask by number": put("masks", to={"0": np.ones((5, 4))}),
}
CALLS: Mapping[str, Callable[[], Any]] = {
    "verify(None)": lambda: verify(None),
    "verify(module)": lambda: verify(torch.nn.Linear(2, 1)),
    "verify(function)": lambda: verify(np.sin),
    "verify(array)": lambda: verify(np.ones(3)),
    "verify(text)": lambda: verify('{"network": 3}'),
    "verify(report)": lambda: verify(verify(submission(), oracles=QUICK)),
    "verify(assignment)": lambda: verify({"title": "hw", "problem": submission()}),
    "oracles torch": lambda: verify(submission(), oracles=["torch"]),
    "entries every": lambda: verify(submission(), entries="every"),
    "tolerance of verify": lambda: verify(submission(), tolerance=1e-5),  # type: ignore[arg-type]
}
COMMANDS = (
    "check absent.json", "check gradients.npz", "check hw.json", "check a.pkl", "check none",
    "check wrong.json --format htm", "check wrong.json --audience students",
    "check wrong.json --oracles autogard", "check wrong.json --preset tight", "check wrong.json --rtol 5",
    "check wrong.json --points ten", "check wrong.json --entries al", "check wrong.json --jobs 0",
    "check wrong.jsn", "check gradients.npz --assignment absent.json",
    "check gradients.npz --assignment gradients.npz",
    "check gradients.npz --assignment hw.json --names absent.json",
    "check wrong.json --output none/x/y.txt", "check wrong.json --output none", "inspect gradients.npz",
    "bundle canvas out --assignment hw.json", "bundle gradescop out --assignment hw.json",
    "example sigmoid", "example sigmoid-mse --format npz", "import pytorch model.pt",
)  # fmt: skip
