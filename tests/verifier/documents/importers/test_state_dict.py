"""PyTorch's state_dict, as a dict and as the safetensors that PyTorch's users save."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

from tests.verifier.documents.importers.problems import batch, outputs_of
from verifier import MalformedSubmission, verify
from verifier.documents.importers import from_state_dict


class NamedModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for index in range(1, 12):
            setattr(self, f"fc{index}", nn.Linear(4, 4, bias=index != 3))

    def forward(self, x: Any) -> Any:
        for index in range(1, 11):
            x = torch.tanh(getattr(self, f"fc{index}")(x))
        return self.fc11(x)


class SequentialModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 6), nn.Linear(6, 4)])

    def forward(self, x: Any) -> Any:
        return self.layers[1](torch.tanh(self.layers[0](x)))


MODULES: dict[str, Callable[[], nn.Module]] = {
    "0.weight, 2.weight": lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 4)),
    "fc1.weight to fc11.weight": NamedModule,
    "layers.0.weight": SequentialModule,
    "weight": lambda: nn.Linear(4, 4),
}


@pytest.mark.parametrize("made", MODULES.values(), ids=MODULES)
def test_a_safetensors_file_is_put_in_the_order_of_its_numbers(
    made: Callable[[], nn.Module], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    module = made().double()
    inputs, targets = batch(4)
    nn.functional.mse_loss(module(torch.as_tensor(inputs)), torch.as_tensor(targets)).backward()
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    gradients = {name: one.grad for name, one in module.named_parameters()}
    document = from_state_dict(
        tmp_path / "model.safetensors", "tanh", "torch.mse", inputs, targets, gradients=gradients
    )
    with torch.no_grad():
        np.testing.assert_allclose(outputs_of(document), module(torch.as_tensor(inputs)), atol=1e-12)
    assert verify(document).verdict == "correct"


def numbered_tensors(names: list[str]) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.full((4, 4), 0.1 * index) for index, name in enumerate(names)}


def test_names_without_numbers_need_an_order_where_the_file_has_none() -> None:
    tensors = numbered_tensors(["input", "hidden", "output"])
    arguments: Any = ("relu", "torch.mse", *batch(4))
    with pytest.raises(MalformedSubmission, match=r"order: .*got .*give their order"):
        from_state_dict(save(tensors), *arguments)
    document = from_state_dict(save(tensors), *arguments, order=["input", "hidden", "output"])
    live = from_state_dict(tensors, *arguments)
    assert document["parameters"]["layers.2.weight"][0, 0] == pytest.approx(0.2)
    assert live["parameters"]["layers.2.weight"][0, 0] == pytest.approx(0.2)


def test_every_layer_may_have_an_activation_of_its_own() -> None:
    activations = [{"name": "leaky_relu", "slope": 0.2}, "identity", "softmax"]
    document = from_state_dict(
        numbered_tensors(["1", "2", "3"]), activations, "torch.cross_entropy", *batch(4)
    )
    assert [layer["activation"] for layer in document["network"]["layers"]] == activations


WITH_NORM = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).state_dict()
WITH_CONV = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Linear(4, 4)).state_dict()
REFUSED: list[tuple[str, Any, dict[str, Any], str]] = [
    ("batch normalisation", save(WITH_NORM), {}, r"1\.running_mean: .*fully connected layers alone"),
    ("convolution", save(WITH_CONV), {}, r"0: .*weight of shape \(1, 1, 3, 3\)"),
    ("a pickle", pickle.dumps({"0.weight": [1]}), {}, "got a pickle; save plain arrays"),
    ("torch.save's zip", b"PK\x03\x04" + bytes(40), {}, "a damaged one"),
    ("a truncated file", save(numbered_tensors(["0"]))[:-8], {}, "a damaged one"),
    ("a truncated header", save(numbered_tensors(["0"]))[:20], {}, "a header of at most"),
    ("nothing", b"", {}, "none of them"),
    ("an empty dict", {}, {}, "at least one fully connected layer"),
    (
        "too few activations",
        numbered_tensors(["0", "1"]),
        {"activations": ["relu"]},
        "2 activations, one a layer",
    ),
    ("an unknown activation", numbered_tensors(["0", "1"]), {"activations": "relo"}, "did you mean 'relu'"),
    ("an order of others", numbered_tensors(["0", "1"]), {"order": ["0", "2"]}, "got '2'"),
    ("an order of some", numbered_tensors(["0", "1"]), {"order": ["0"]}, "each of 0, 1 once"),
    (
        "sizes that do not fit",
        {"0.weight": torch.ones(3, 4), "1.weight": torch.ones(3, 4)},
        {},
        "of 3 inputs",
    ),
    (
        "a bias of another size",
        {"0.weight": torch.ones(4, 4), "0.bias": torch.ones(3)},
        {},
        "'0.bias' of shape",
    ),
    ("wrong inputs", {"0.weight": torch.ones(4, 3)}, {}, "/inputs: expected 3 features"),
    ("not finite", {"0.weight": torch.full((4, 4), torch.nan)}, {}, "got a number that is not finite"),
]


@pytest.mark.parametrize(
    ("tensors", "options", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_other_tensors_and_damaged_files_are_refused(
    tensors: Any, options: dict[str, Any], message: str
) -> None:
    arguments = {"activations": "relu"} | options
    inputs, targets = batch(4)
    with pytest.raises(MalformedSubmission, match=message):
        from_state_dict(tensors, loss="torch.mse", inputs=inputs, targets=targets, **arguments)
