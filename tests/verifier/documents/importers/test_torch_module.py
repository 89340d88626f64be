"""Live modules of PyTorch: their own forward pass and their own autograd are the independent source."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.verifier.documents.importers.problems import batch, classes, outputs_of
from verifier import MalformedSubmission, inspect, verify
from verifier.documents.files import parse_bytes, write_document
from verifier.documents.importers import from_torch

ACTIVATIONS = [
    nn.Identity(),
    nn.ReLU(),
    nn.Tanh(),
    nn.Sigmoid(),
    nn.SiLU(),
    nn.LeakyReLU(0.2),
    nn.ELU(0.7),
    nn.GELU(),
    nn.Softplus(),
    nn.Softmax(dim=-1),
]
TOLERANCE = 1e-12  # float64: sums of five products


class Subclass(nn.Module):
    """Defines its layers in another order than it uses them, and calls functions."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(6, 3)
        self.first = nn.Linear(4, 6)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Any) -> Any:
        x = x.view(x.size(0), -1)
        x = functional.leaky_relu(self.first(x), 0.3)
        return functional.softmax(self.last(self.dropout(x)), dim=1)


class MethodsAndFunctions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList([nn.Linear(4, 5, bias=False), nn.Linear(5, 3)])
        self.weight = nn.Parameter(torch.linspace(-1, 1, 6).reshape(2, 3))

    def forward(self, x: Any) -> Any:
        x = torch.flatten(x, start_dim=1)
        for layer in self.inner:
            x = layer(x).tanh()
        return functional.dropout(functional.linear(x, self.weight), training=self.training)


MODULES: list[Callable[[], nn.Module]] = [
    lambda: nn.Linear(4, 2),
    lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False), nn.Dropout(0.3), nn.ReLU()),
    lambda: nn.Sequential(
        OrderedDict(features=nn.Sequential(nn.Linear(4, 5), nn.Tanh()), head=nn.Sequential(nn.Linear(5, 2)))
    ),
    lambda: nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 5), *[nn.Sequential(nn.Linear(5, 5), nn.ELU())] * 1),
    Subclass,
    MethodsAndFunctions,
]


def with_gradients(module: nn.Module, loss: nn.Module, inputs: Any, targets: Any) -> nn.Module:
    module.zero_grad()
    loss(module(torch.as_tensor(inputs)), torch.as_tensor(targets)).backward()
    return module


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda one: type(one).__name__)
def test_every_activation_is_the_modules_and_autograd_is_correct(
    activation: nn.Module,
) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), activation, nn.Linear(6, 3)).double()
    inputs, targets = batch(3)
    document = from_torch(
        with_gradients(module, nn.MSELoss(), inputs, targets), nn.MSELoss(), inputs, targets
    )
    with torch.no_grad():
        np.testing.assert_allclose(outputs_of(document), module(torch.as_tensor(inputs)), atol=TOLERANCE)
    assert verify(document).verdict == "correct"
    assert document["network"]["weights"] == "out_in"


@pytest.mark.parametrize("made", MODULES, ids=range(len(MODULES)))
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_every_form_of_module_is_followed_in_the_order_of_its_forward_pass(
    made: Callable[[], nn.Module], dtype: torch.dtype
) -> None:
    torch.manual_seed(1)
    module = made().eval().to(dtype)
    inputs = torch.as_tensor(batch(1)[0]).to(dtype)
    targets = torch.zeros_like(module(inputs))
    document = from_torch(
        with_gradients(module, nn.MSELoss(), inputs, targets), nn.MSELoss(), inputs, targets
    )
    with torch.no_grad():
        np.testing.assert_allclose(
            outputs_of(document), module(inputs), atol=1e-6 if dtype is torch.float32 else TOLERANCE
        )
    assert document["precision"] == str(dtype).removeprefix("torch.")
    assert verify(document).verdict == "correct"


LOSSES = [
    (nn.MSELoss(), batch(3)[1]),
    (nn.MSELoss(reduction="sum"), batch(3)[1]),
    (nn.CrossEntropyLoss(), classes(3)),
    (nn.CrossEntropyLoss(reduction="sum"), classes(3)),
    (nn.CrossEntropyLoss(), np.full((5, 3), 1 / 3)),
    (nn.BCEWithLogitsLoss(), np.eye(5, 3)),
    (nn.BCEWithLogitsLoss(reduction="sum"), np.eye(5, 3)),
    (nn.BCELoss(), np.eye(5, 3)),
    (nn.BCELoss(reduction="sum"), np.eye(5, 3)),
]


@pytest.mark.parametrize(("loss", "targets"), LOSSES, ids=lambda one: getattr(one, "reduction", ""))
def test_every_loss_module_says_its_loss_and_its_gradient(loss: nn.Module, targets: Any) -> None:
    torch.manual_seed(2)
    last = nn.Sigmoid() if isinstance(loss, nn.BCELoss) else nn.Identity()
    module = nn.Sequential(nn.Linear(4, 3), last).double()
    inputs = batch(3)[0]
    theirs = float(loss(module(torch.as_tensor(inputs)), torch.as_tensor(targets)).detach())
    document = from_torch(
        with_gradients(module, loss, inputs, targets), loss, inputs, targets, reported_loss=theirs
    )
    report = verify(document)
    assert report.verdict == "correct", str(report)
    assert report.loss.verdict == "correct"


def test_a_wrong_gradient_by_the_modules_names_is_judged_incorrect() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)).double()
    inputs, targets = batch(3)
    with_gradients(module, nn.MSELoss(), inputs, targets)
    gradients: dict[str, Any] = {name: one.grad for name, one in module.named_parameters()}
    gradients["2.weight"] = 2 * gradients["2.weight"]
    report = verify(from_torch(module, nn.MSELoss(), inputs, targets, gradients=gradients))
    verdicts = {name: str(one.verdict) for name, one in report.parameters.items()}
    assert [name for name, verdict in verdicts.items() if verdict != "correct"] == ["layers.1.weight"]


def test_a_module_that_was_not_differentiated_is_a_problem_to_inspect() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)).double()
    document = from_torch(module, nn.MSELoss(), *batch(3))
    assert document["gradients"] == {}
    assert inspect(document).mutation_score > 0


def test_images_are_flattened_where_the_module_flattens_them() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    inputs, targets = batch(2)
    document = from_torch(module, nn.MSELoss(), inputs.reshape(5, 1, 2, 2), targets)
    assert document["inputs"].shape == (5, 4)


def test_bfloat16_gradients_are_judged_as_bfloat16() -> None:
    torch.manual_seed(4)
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)).bfloat16()
    inputs, targets = (torch.as_tensor(one).bfloat16() for one in batch(3))
    document = from_torch(
        with_gradients(module, nn.MSELoss(), inputs, targets), nn.MSELoss(), inputs, targets
    )
    assert document["precision"] == "bfloat16"
    assert verify(document).verdict == "correct"


@pytest.mark.parametrize("format_name", ["json", "npz", "safetensors"])
def test_a_document_goes_through_every_format_of_files(format_name: str) -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3))
    inputs, targets = (torch.as_tensor(one).float() for one in batch(3))
    document = from_torch(
        with_gradients(module, nn.MSELoss(), inputs, targets), nn.MSELoss(), inputs, targets
    )
    assert verify(parse_bytes(write_document(document, format_name))).verdict == "correct"


class ResidualBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return x + self.layer(x)


class RepeatedLayer(ResidualBlock):
    def forward(self, x: Any) -> Any:
        return self.layer(torch.relu(self.layer(x)))


class BranchingBlock(ResidualBlock):
    def forward(self, x: Any) -> Any:
        return self.layer(x) if x.sum() > 0 else x


class LinearWithOtherForward(nn.Linear):
    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


def tied_weights() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    module[2].weight = module[0].weight
    return module


def hooked_module() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 4))
    module[0].register_forward_hook(lambda layer, inputs, output: output + 1)
    return module


def weight_normed() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)))


REFUSED: list[tuple[str, Callable[[], nn.Module], str]] = [
    ("convolution", lambda: nn.Sequential(nn.Linear(4, 4), nn.Conv2d(1, 1, 3)), "1: .*got Conv2d"),
    (
        "all at once",
        lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Hardshrink()),
        "1: .*got BatchNorm1d(.|\n)*2: .*got Hardshrink",
    ),
    (
        "nested",
        lambda: nn.Sequential(OrderedDict(features=nn.Sequential(nn.Conv2d(1, 1, 3)), head=nn.Linear(4, 4))),
        r"features\.0: .*got Conv2d",
    ),
    ("recurrent", lambda: nn.Sequential(nn.LSTM(4, 4)), "0: .*got LSTM"),
    ("dropout in training", lambda: nn.Sequential(nn.Linear(4, 4), nn.Dropout()), r"1: .*module\.eval\(\)"),
    ("residual sum", ResidualBlock, "add.*residual"),
    ("a layer used twice", RepeatedLayer, "layer.*'layer.weight', which 'layer' uses already"),
    ("tied weights", tied_weights, "2: expected weights of its own"),
    ("branches", BranchingBlock, "BranchingBlock: expected a forward pass that torch.fx can follow"),
    ("an override", lambda: nn.Sequential(LinearWithOtherForward(4, 4)), "got mul"),
    ("a hook", hooked_module, "got other outputs; remove hooks"),
    ("a parametrization", weight_normed, "0: .*got ParametrizedLinear"),
    ("softmax over the batch", lambda: nn.Sequential(nn.Linear(4, 4), nn.Softmax(dim=0)), "1: .*dimension 0"),
    (
        "two activations",
        lambda: nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.ReLU()),
        "2: .*second one, relu",
    ),
    ("no layer", lambda: nn.Sequential(nn.Identity(), nn.Linear(4, 4, bias=False))[0:1], "at least one"),
    ("activation first", lambda: nn.Sequential(nn.Tanh(), nn.Linear(4, 4)), "0: expected a fully connected"),
    ("hardtanh", lambda: nn.Sequential(nn.Linear(4, 4), nn.Hardtanh(0.0, 6.0)), "min_val=-1, max_val=1"),
    ("sizes that do not fit", lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(3, 4)), "layer of 4 inputs"),
]


@pytest.mark.parametrize(("made", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_perceptron_is_refused_by_the_name_of_its_layer(
    made: Callable[[], nn.Module], message: str
) -> None:
    with pytest.raises(MalformedSubmission, match=message):
        from_torch(made().double(), nn.MSELoss(), *batch(4))


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        (nn.PoissonNLLLoss(), batch(3)[1], "expected one of MSELoss.*got PoissonNLLLoss"),
        (nn.MultiMarginLoss(margin=2.0), classes(3), "without margin"),
        (nn.MSELoss(reduction="none"), batch(3)[1], "'mean' or 'sum'"),
        (nn.BCELoss(weight=torch.ones(3)), np.eye(5, 3), "without weight"),
        (nn.BCEWithLogitsLoss(pos_weight=torch.ones(3)), np.eye(5, 3), "without pos_weight"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, nn.Module) else "",
)
def test_losses_that_no_submission_has_are_refused(loss: nn.Module, targets: Any, message: str) -> None:
    module = nn.Sequential(nn.Linear(4, 3)).double()
    with pytest.raises(MalformedSubmission, match=message):
        from_torch(module, loss, batch(3)[0], targets)


FURTHER: list[tuple[nn.Module, nn.Module, Any]] = [
    (nn.SELU(), nn.L1Loss(), batch(3)[1]),
    (nn.Mish(), nn.HuberLoss(delta=0.5, reduction="sum"), batch(3)[1]),
    (nn.Hardtanh(), nn.MultiMarginLoss(), classes(3)),
    (nn.Hardswish(), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5])), classes(3)),
    (nn.Softsign(), nn.CrossEntropyLoss(label_smoothing=0.1), classes(3)),
    (nn.LogSigmoid(), nn.CrossEntropyLoss(ignore_index=2), classes(3)),
    (nn.GELU("tanh"), nn.MSELoss(), batch(3)[1]),
]


@pytest.mark.parametrize(
    ("activation", "loss", "targets"), FURTHER, ids=[f"{a}, {type(b).__name__}" for a, b, _ in FURTHER]
)
def test_further_activations_and_losses_are_imported(activation, loss, targets) -> None:
    module = nn.Sequential(nn.Linear(4, 5), activation, nn.Linear(5, 3)).double()
    inputs = batch(3)[0]
    loss.double()(module(torch.as_tensor(inputs)), torch.as_tensor(targets)).backward()
    report = verify(from_torch(module, loss, inputs, targets))
    assert report.verdict == "correct", str(report)


def test_log_softmax_and_nll_loss_are_imported() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(-1)).double()
    inputs, targets = batch(3)[0], classes(3)
    nn.NLLLoss()(module(torch.as_tensor(inputs)), torch.as_tensor(targets)).backward()
    assert verify(from_torch(module, nn.NLLLoss(), inputs, targets)).verdict == "correct"


def test_a_gradient_under_an_unknown_name_names_the_likeliest() -> None:
    module = nn.Sequential(nn.Linear(4, 3)).double()
    with pytest.raises(MalformedSubmission, match=r"did you mean '0\.weight'"):
        from_torch(module, nn.MSELoss(), *batch(3), gradients={"0.weigth": np.zeros((3, 4))})
