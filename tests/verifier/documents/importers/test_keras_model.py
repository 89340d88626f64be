"""Keras 3.15.1's own files, outputs, losses and gradients, recorded by `tests/data/keras/record.py`."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.pairwise import each
from tests.verifier.documents.importers.problems import outputs_of
from verifier import MalformedSubmission, verify
from verifier.documents.importers import from_keras

DATA = Path(__file__).parents[3] / "data" / "keras"
FLOAT32 = 2e-6  # sums of few products of numbers of size 1
MODELS = ("regressor", "classifier", "functional", "logits")


def recorded(name: str) -> dict[str, Any]:
    with np.load(DATA / f"{name}.npz") as archive:
        return dict(archive)


def split(arrays: dict[str, Any]) -> tuple[Any, Any, Any, float, dict[str, Any]]:
    """Return inputs, targets, outputs, loss, gradients."""
    loss = float(arrays.pop("loss"))
    return arrays.pop("inputs"), arrays.pop("targets"), arrays.pop("outputs"), loss, arrays


@each(MODELS)
def test_a_saved_models_outputs_loss_and_gradients_are_reproduced(name: str) -> None:
    inputs, targets, outputs, loss, gradients = split(recorded(name))
    document = from_keras(
        DATA / f"{name}.json",
        inputs,
        targets,
        weights=DATA / f"{name}.weights.h5",
        gradients=gradients,
        reported_loss=loss,
    )
    np.testing.assert_allclose(outputs_of(document), outputs, atol=FLOAT32)
    report = verify(document)
    assert report.verdict == "correct", str(report)
    assert report.loss.verdict == "correct", str(report)


def test_a_keras_archive_is_json_and_weights_in_one() -> None:
    inputs, targets, outputs, _, gradients = split(recorded("regressor"))
    document = from_keras(DATA / "regressor.keras", inputs, targets, gradients=list(gradients.values()))
    np.testing.assert_allclose(outputs_of(document), outputs, atol=FLOAT32)
    assert verify(document).verdict == "correct"


def arrays_of(name: str) -> list[Any]:
    """Return the weights as `get_weights()` does, in order."""
    arrays: list[Any] = []
    with h5py.File(DATA / f"{name}.weights.h5") as file:
        for layer in ("dense", "dense_1", "dense_2"):
            arrays += [np.asarray(one) for one in file[f"layers/{layer}/vars"].values()]
    return arrays


class LiveModel:
    """The methods of a live model that the importer calls."""

    def to_json(self) -> str:
        return (DATA / "logits.json").read_text()

    def get_weights(self) -> list[Any]:
        return arrays_of("logits")


def arrays_by_name() -> dict[str, Any]:
    kinds = [f"{layer}/{kind}" for layer in dense_names("logits") for kind in ("kernel", "bias")]
    return dict(zip((f"sequential_9/{kind}" for kind in kinds), arrays_of("logits"), strict=True))


def dense_names(name: str) -> list[str]:
    layers = json.loads((DATA / f"{name}.json").read_text())["config"]["layers"]
    return [one["config"]["name"] for one in layers if one["class_name"] == "Dense"]


FORMS = {
    "a live model": lambda: (LiveModel(), None),
    "JSON text and arrays by name": lambda: (LiveModel().to_json(), arrays_by_name()),
    "JSON as a dict and a list": lambda: (json.loads(LiveModel().to_json()), arrays_of("logits")),
    "bytes": lambda: (LiveModel().to_json().encode(), (DATA / "logits.weights.h5").read_bytes()),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_model_and_its_weights_come_in_several_forms(form: Any) -> None:
    inputs, targets, outputs, _, gradients = split(recorded("logits"))
    model, weights = form()
    document = from_keras(model, inputs, targets, weights=weights, gradients=gradients)
    np.testing.assert_allclose(outputs_of(document), outputs, atol=FLOAT32)
    assert verify(document).verdict == "correct"


REFUSED = [
    ("convolution", r"conv2d.*got Conv2D"),
    ("normalisation", r"batch_normalization.*got BatchNormalization"),
    ("recurrent", r"lstm.*got LSTM"),
    ("lambda", r"lambda.*got Lambda"),
    ("custom", r"mine.*got Mine, a class of somebody's own"),
    ("residual", r"add.*got Add"),
    ("shared", r"dense.*got inputs from elsewhere"),
]


@pytest.mark.parametrize(("name", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_no_perceptron_is_refused_by_the_name_of_its_layer(name: str, message: str) -> None:
    weights = [np.ones((4, 4)), np.ones(4)] * 2 if name == "shared" else [np.ones((4, 3)), np.ones(3)]
    weights = [np.ones((4, 4)), np.ones(4)] if name == "residual" else weights
    with pytest.raises(MalformedSubmission, match=message):
        from_keras(
            DATA / f"refused_{name}.json", np.ones((2, 4)), np.ones((2, 3)), weights=weights, loss="mse"
        )


def config_with_value(path: list[Any], value: Any) -> str:
    """Return the logits model's JSON with another value at a path."""
    document = json.loads((DATA / "logits.json").read_text())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document)


DENSE = ["config", "layers", 1, "config"]
CHANGED = [
    (
        "a function",
        [*DENSE, "activation"],
        {"class_name": "function", "config": "mine"},
        "function of somebody",
    ),
    ("an unknown activation", [*DENSE, "activation"], "relu6", 'activation the string "relu6"'),
    ("other units", [*DENSE, "units"], 6, "kernel of 6 units"),
    ("low rank", [*DENSE, "lora_rank"], 2, "Dense with lora_rank"),
    (
        "one layer's own l2",
        [*DENSE, "kernel_regularizer"],
        {"class_name": "L2", "config": {"l2": 1}},
        "one l2",
    ),
    (
        "another regularizer",
        [*DENSE, "kernel_regularizer"],
        {"class_name": "Mine", "config": {}},
        "L1L2, got",
    ),
    ("another loss", ["compile_config", "loss"], "poisson", 'loss: expected one of .*"poisson"'),
    ("several losses", ["compile_config", "loss"], ["mse", "mse"], "got a list of 2"),
    ("no loss", ["compile_config"], None, "compile the model or name a loss"),
    ("smoothing", ["compile_config", "loss", "config", "label_smoothing"], 0.1, "without label_smoothing"),
    ("no layers", ["config", "layers"], None, "a Sequential or Functional model"),
    ("a layer that is none", ["config", "layers", 1], 3, "expected a layer with its config, got 3"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED]
)
def test_json_beyond_a_submission_is_refused(path: list[Any], value: Any, message: str) -> None:
    inputs, targets, *_ = split(recorded("logits"))
    with pytest.raises(MalformedSubmission, match=message):
        from_keras(config_with_value(path, value), inputs, targets, weights=arrays_of("logits"))


def weights_file(kind: str) -> bytes:
    """Write weights whose first kernel is no plain array of the file."""
    content = (DATA / "logits.weights.h5").read_bytes()
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        group = file["layers/dense/vars"]
        del group["0"]
        if kind == "external link":
            group["0"] = h5py.ExternalLink("/etc/passwd", "/")
        elif kind == "soft link":
            group["0"] = h5py.SoftLink("/layers/dense_1/vars/0")
        elif kind == "words":
            group["0"] = "words"
        elif kind == "huge":
            group.create_dataset("0", shape=(10**6, 10**6), dtype="f8", chunks=(1000, 1000))
        elif kind == "other layer":
            group.attrs["name"] = "somebody"
    return stream.getvalue()


@each(
    [
        ("external link", "without links"),
        ("soft link", "without links"),
        ("words", "plain arrays of numbers"),
        ("huge", "plain arrays of numbers"),
        ("missing", "without links|2 arrays"),
        ("other layer", "those of 'somebody'"),
    ]
)
def test_weights_that_are_no_plain_arrays_of_the_file_are_refused(kind: str, message: str) -> None:
    inputs, targets, *_ = split(recorded("logits"))
    with pytest.raises(MalformedSubmission, match=message):
        from_keras(DATA / "logits.json", inputs, targets, weights=weights_file(kind))


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in members.items():
            made.writestr(name.replace("_", ".", 1), content)
    return stream.getvalue()


DAMAGED = [
    ("weights truncated", DATA / "logits.json", (DATA / "logits.weights.h5").read_bytes()[:3000], "damaged"),
    ("weights pickled", DATA / "logits.json", b"\x80\x04.", "got a pickle"),
    ("weights of another format", DATA / "logits.json", b"PK\x03\x04", "expected a .weights.h5"),
    ("weights absent", DATA / "logits.json", None, "the model's weights beside its JSON"),
    ("weights too few", DATA / "logits.json", [], "the arrays .*kernel, .*bias, got fewer"),
    ("JSON truncated", (DATA / "logits.json").read_bytes()[:500], [], "JSON text"),
    ("a pickled model", b"\x80\x04.", [], "JSON text"),
    ("an archive truncated", (DATA / "regressor.keras").read_bytes()[:2000], None, "a damaged one"),
    ("an archive without a model", archive(config_json=b"{}"), None, "one without"),
]


@pytest.mark.parametrize(
    ("model", "weights", "message"), [row[1:] for row in DAMAGED], ids=[row[0] for row in DAMAGED]
)
def test_damaged_and_pickled_files_are_refused(model: Any, weights: Any, message: str) -> None:
    inputs, targets, *_ = split(recorded("logits"))
    with pytest.raises(MalformedSubmission, match=message):
        from_keras(model, inputs, targets, weights=weights)
