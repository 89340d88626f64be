"""`gradjury import`: files in, a submission out; every refusal is a line and status 2, never a traceback."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.verifier.documents.importers.problems import batch
from tests.verifier.documents.importers.test_nielsen import Nielsen
from tests.verifier.documents.importers.test_onnx_model import GOOD
from verifier import load, verify
from verifier.cli.main import main

KERAS = Path(__file__).parents[3] / "data" / "keras"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a network, a batch and gradients of every source."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    inputs, targets = batch(3)
    nn.functional.mse_loss(module(torch.as_tensor(inputs)), torch.as_tensor(targets)).backward()
    save_file(module.state_dict(), "model.safetensors")
    gradients: Any = {name: one.grad for name, one in module.named_parameters()}
    save_file(gradients, "gradients.safetensors")
    np.save("x.npy", inputs)
    Path("y.json").write_text(json.dumps(targets.tolist()))
    Path("network.json").write_text(json.dumps(Nielsen("QuadraticCost").to_json()))
    Path("model.onnx").write_bytes(GOOD)
    np.save("six.npy", np.zeros((5, 6)))
    Path("model.pt").write_bytes(b"\x80\x02}q\x00.")
    with np.load(KERAS / "logits.npz") as recorded:
        np.savez("kx.npz", **{name: recorded[name] for name in recorded if "/" in name})
        np.save("kx.npy", recorded["inputs"])
        np.save("ky.npy", recorded["targets"])
    return tmp_path


def run(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as left:
        main(["import", *map(str, arguments)])
    return int(left.value.code or 0)


BATCH = ("--inputs", "x.npy", "--targets", "y.json")
STATE = ("--activations", "tanh", "--loss", "torch.mse", "--gradients", "gradients.safetensors")
KERAS_FILES = (KERAS / "logits.json", KERAS / "logits.weights.h5")
KERAS_BATCH = ("--inputs", "kx.npy", "--targets", "ky.npy", "--gradients", "kx.npz")


@pytest.mark.parametrize("suffix", ["json", "npz", "safetensors"])
@pytest.mark.parametrize(
    "arguments",
    [("state_dict", "model.safetensors", *BATCH, *STATE), ("keras", *KERAS_FILES, *KERAS_BATCH)],
    ids=["state_dict", "keras"],
)
@pytest.mark.usefixtures("folder")
def test_a_submission_is_written_that_is_judged_correct(arguments: tuple[Any, ...], suffix: str) -> None:
    assert run(*arguments, "--output", f"submission.{suffix}") == 0
    assert verify(load(f"submission.{suffix}")).verdict == "correct"


@pytest.mark.usefixtures("folder")
def test_without_output_it_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("nielsen", "network.json", *BATCH) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["loss"]["batch"] == "sum"
    assert document["gradients"] == {}
    loss = json.dumps({"name": "mse", "outputs": "mean"})
    assert run("onnx", "model.onnx", "--inputs", "x.npy", "--targets", "six.npy", "--loss", loss) == 0
    assert json.loads(capsys.readouterr().out)["loss"]["outputs"] == "mean"


ACTIVATIONS = ("--activations", "tanh", "--loss", "mse")
REFUSED = [
    (
        "an unknown source",
        ("caffe", "model.onnx"),
        "SOURCE: expected one of torch, torch_tensor, edugrad, value, state_dict",
    ),
    ("a live source", ("sklearn", "model.pt"), "call verifier.documents.importers.from_sklearn in Python"),
    ("torch live", ("torch", "model.pt"), "call verifier.documents.importers.from_torch in Python"),
    ("a pickle", ("state_dict", "model.pt", *BATCH, *ACTIVATIONS), "got a pickle"),
    ("no batch", ("onnx", "model.onnx"), "--inputs: expected inputs for onnx, got nothing"),
    ("no activations", ("state_dict", "model.safetensors", *BATCH), "--activations"),
    ("no loss", ("state_dict", "model.safetensors", *BATCH, "--activations", "relu"), "/loss/name"),
    ("activations of onnx", ("onnx", "model.onnx", *BATCH, *ACTIVATIONS), "no such option for onnx"),
    ("a broken loss", ("onnx", "model.onnx", *BATCH, "--loss", "{"), "JSON text"),
    ("another shape", ("onnx", "model.onnx", *BATCH, "--loss", "mse"), "/targets: expected shape"),
    ("two files", ("onnx", "model.onnx", "model.pt"), "FILE: expected 1 to 1"),
    (
        "an absent file",
        ("onnx", "absent.onnx", *BATCH),
        "absent.onnx: (file): expected a file that can be read, got No such file",
    ),
    (
        "an absent batch",
        ("nielsen", "network.json", "--inputs", "z", "--targets", "y.json"),
        "z: (file): expected a file that can be read, got No such file",
    ),
    (
        "a batch pickled",
        ("nielsen", "network.json", "--inputs", "model.pt", "--targets", "y.json"),
        "a pickle",
    ),
    (
        "a format unknown",
        ("nielsen", "network.json", *BATCH, "--output", "out.txt"),
        "a file ending in .json",
    ),
    ("a folder absent", ("nielsen", "network.json", *BATCH, "--output", "a/out.json"), "create the folder"),
]


@pytest.mark.parametrize(("arguments", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
@pytest.mark.usefixtures("folder")
def test_refusals_are_lines_on_standard_error(
    arguments: tuple[Any, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    streams = capsys.readouterr()
    assert message in streams.err
    assert "Traceback" not in streams.err
    assert streams.out == ""
