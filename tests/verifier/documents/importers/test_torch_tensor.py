"""Live graphs of PyTorch: its own autograd is the independent source of what is judged."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.pairwise import each
from tests.verifier.documents.importers.everyday_operations import EVERYDAY
from verifier import MalformedSubmission, verify
from verifier.documents.files import parse_bytes, write_document
from verifier.documents.importers import from_torch_tensor
from verifier.documents.importers.common import ImportRefused
from verifier.documents.importers.torch_operations import BACKWARD_NODES

Tensor = Any


def leaf(*shape: int, positive: bool = False, seed: int = 0) -> Tensor:
    rng = np.random.default_rng([seed, *shape])
    numbers = rng.uniform(0.3, 2.0, size=shape) if positive else rng.normal(size=shape)
    return torch.tensor(numbers, requires_grad=True)


W, V, POSITIVE, STACK, ROW = (3, 4), (4, 2), (3, 4), (2, 3, 4), (4,)
TARGETS = torch.tensor([1, 0, 3])

# what is computed of fresh leaves w (3, 4) and v (4, 2)
GRAPHS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda w, v: w + v[:, 0],
    "subtract": lambda w, v: w - v[:, 0],
    "multiply": lambda w, v: w * v.t()[0] * 3.0,
    "divide": lambda w, v: w / (v[:, 0].exp() + torch.ones(4, dtype=torch.float64, requires_grad=True)),
    "divide by a number": lambda w, v: w / 3,
    "a soft cross entropy": lambda w, v: functional.cross_entropy(w, torch.full((3, 4), 0.25).double()),
    "negate": lambda w, v: -w,
    "power": lambda w, v: w**3,
    "square": lambda w, v: w.square(),
    "reciprocal": lambda w, v: 1 / w.exp(),
    "matmul": lambda w, v: w @ v,
    "matmul of a stack": lambda w, v: torch.stack([w, 2.0 * w]) @ v,
    "bmm": lambda w, v: torch.bmm(w[None], v[None]),
    "mv": lambda w, v: w @ v[:, 0],
    "vector and matrix": lambda w, v: w[0] @ v,
    "dot": lambda w, v: w[0] @ v[:, 0],
    "t": lambda w, v: w.t() * 2.0,
    "numpy's T": lambda w, v: w.T * 2.0,
    "transpose": lambda w, v: w[None].transpose(0, -1) * 2.0,
    "permute": lambda w, v: w[None].permute(-1, 0, 1) * 2.0,
    "view": lambda w, v: w.view(2, 6) * 2.0,
    "reshape": lambda w, v: w.t().reshape(6, 2) * 2.0,
    "squeeze": lambda w, v: w.unsqueeze(-1).squeeze(-1) * w.unsqueeze(0).squeeze() * w[None].squeeze((0,)),
    "expand": lambda w, v: v[:, 0].expand(3, 4) * w,
    "clone": lambda w, v: w.clone(),
    "cat": lambda w, v: torch.cat([w, v.t()], dim=-2),
    "stack": lambda w, v: torch.stack([w[0], v[:, 1]], dim=-1),
    "slices": lambda w, v: w[1:, ::2] * w[:-1, 1::2],
    "one row": lambda w, v: w[-1] * w[0],
    "one column": lambda w, v: w[:, -2] * w.select(-1, 0),
    "sum": lambda w, v: w.sum(),
    "sum of rows": lambda w, v: w.sum(-1, keepdim=True) * w,
    "mean": lambda w, v: w.mean(),
    "mean of columns": lambda w, v: w.mean(0),
    "amax": lambda w, v: w.amax(dim=-1),
    "max": lambda w, v: w.max(),
    "exp": lambda w, v: w.exp(),
    "log": lambda w, v: w.exp().log() * w,
    "sqrt": lambda w, v: (w * w).sqrt(),
    "abs": lambda w, v: w.abs(),
    "sigmoid": lambda w, v: w.sigmoid(),
    "tanh": lambda w, v: w.tanh(),
    "relu": lambda w, v: w.relu(),
    "silu": lambda w, v: functional.silu(w),
    "gelu": lambda w, v: functional.gelu(w),
    "softplus": lambda w, v: functional.softplus(w),
    "elu": lambda w, v: functional.elu(w, 0.7),
    "leaky_relu": lambda w, v: functional.leaky_relu(w, 0.2),
    "softmax": lambda w, v: w.softmax(dim=-1),
    "log_softmax": lambda w, v: w.log_softmax(dim=1),
    "embedding": lambda w, v: functional.embedding(torch.tensor([[0, 2], [2, 2]]), w),
    "mse_loss": lambda w, v: functional.mse_loss(w @ v, torch.ones(3, 2).double()),
    "mse_loss, summed": lambda w, v: functional.mse_loss(w, w.tanh(), reduction="sum"),
    "cross_entropy": lambda w, v: functional.cross_entropy(w, TARGETS),
    "cross_entropy, summed": lambda w, v: functional.cross_entropy(w, TARGETS, reduction="sum"),
    "bce with logits": lambda w, v: functional.binary_cross_entropy_with_logits(w, torch.ones(3, 4).double()),
    "bce": lambda w, v: functional.binary_cross_entropy(w.sigmoid(), torch.zeros(3, 4).double()),
    "linear": lambda w, v: functional.linear(torch.ones(5, 4).double(), w, v.sum() * w[:, 0]),
    "an alias": lambda w, v: torch.ops.aten.alias(w) * 2.0,
}


def backward_functions(node: Any) -> set[str]:
    names, waiting = set(), [node]
    while waiting:
        function = waiting.pop()
        names.add(function.name())
        waiting += [edge for edge, _ in function.next_functions if edge is not None]
    return names


@each(GRAPHS)
def test_pytorchs_own_gradients_are_correct(case: str) -> None:
    w, v = leaf(*W), leaf(*V)
    value = GRAPHS[case](w, v)
    value.retain_grad()
    output = (value * torch.linspace(0.5, 1.5, value.numel(), dtype=torch.float64).reshape(value.shape)).sum()
    output.backward(retain_graph=True)
    document = from_torch_tensor(output, names={"w": w, "v": v, "value": value})
    assert "nodes.value" in document["gradients"]
    if v.grad is None:
        assert "v" not in document["parameters"]
    report = verify(parse_bytes(write_document(document, "json")) if case == "add" else document)
    assert report.verdict == "correct", str(report)
    assert document["precision"] == "float64"


def judged_by(function: Callable[[Tensor, Tensor], Tensor], dtype: Any) -> tuple[str, float]:
    """Return the verdict on PyTorch's own gradients, and how far the value is from PyTorch's."""
    torch.manual_seed(1)
    a, b = (torch.randn(3, 4, dtype=torch.float64).to(dtype).requires_grad_() for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's advice on reductions and its own kernels
        value = function(a, b)
    weights = torch.randn(value.shape, dtype=value.dtype, requires_grad=True)
    output = (value * weights).sum() if value.ndim else value
    output.backward(retain_graph=True)
    report = verify(from_torch_tensor(output))
    return str(report.verdict), abs(report.loss.value - output.item())


def test_everyday_operations_are_judged_and_right() -> None:
    outcomes = {name: judged_by(function, torch.float64) for name, function in EVERYDAY.items()}
    assert len(outcomes) >= 170
    assert {name: verdict for name, (verdict, _) in outcomes.items() if verdict != "correct"} == {}
    assert max(distance for _, distance in outcomes.values()) < 1e-9


IN_FLOAT32 = {
    "a variance": lambda a, b: a.var(1) * b.std(1),
    "layer_norm": lambda a, b: functional.layer_norm(a, (4,), b[0], b[1]),
    "softmax": lambda a, b: (a.softmax(0) * b.log_softmax(0)).cumsum(1),
    "a constant": lambda a, b: (a + 1) * (1 - b).exp(),
    "a constant table": lambda a, b: (torch.linspace(0, 1, 12).reshape(3, 4) + a).tanh(),
    "conv1d": lambda a, b: functional.conv1d(a[None], b[:2, None, :3].repeat(1, 3, 1)),
    "attention": lambda a, b: functional.scaled_dot_product_attention(a[None], b[None], b[None]),
    "an LSTM": lambda a, b: of_lstm(a),
    "huber_loss": lambda a, b: functional.huber_loss(a, b, delta=0.5),
}


def of_lstm(x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return nn.LSTM(4, 5, bidirectional=True, batch_first=True)(x[None])[0]


@each(IN_FLOAT32)
def test_right_gradients_in_float32_are_not_called_incorrect(case: str) -> None:
    assert judged_by(IN_FLOAT32[case], torch.float32)[0] == "correct"


def test_every_row_of_the_table_is_met_by_some_graph() -> None:
    met: set[str] = backward_functions(of_lstm(leaf(*W).float()).grad_fn)
    for graph in GRAPHS.values():
        met |= backward_functions(graph(leaf(*W), leaf(*V)).grad_fn)
    for function in EVERYDAY.values():
        met |= backward_functions(function(leaf(*W), leaf(*W, seed=1)).grad_fn)
    assert set(BACKWARD_NODES) <= met, set(BACKWARD_NODES) - met


CONSTANTS: dict[str, tuple[Callable[[Tensor], Tensor], list[float]]] = {
    "of a product's factor": (lambda w: ((w + 1) * w).sum(), [1.0]),
    "of an exponential": (lambda w: (1e-5 + w).exp().sum(), [1e-5]),
    "of a reciprocal root": (lambda w: (w * w + 0.25).rsqrt().sum(), [0.25]),
    "of the output": (lambda w: (w + 0.5).mean(), [0.5]),
    "of two, of which the sum alone counts": (lambda w: (w + 3 - 1).exp().sum(), [0.0, -2.0]),
    "beyond a change of shape": (lambda w: (2 - w).view(-1).unsqueeze(0).tanh().sum(), [2.0]),
    "of a filled mask": (lambda w: w.masked_fill(w > 0, 0.125).square().sum(), [0.125]),
}


@each(CONSTANTS)
def test_a_constant_that_pytorch_does_not_keep_follows_from_what_it_keeps(case: str) -> None:
    graph, expected = CONSTANTS[case]
    output = graph(leaf(*W))
    output.backward(retain_graph=True)
    document = from_torch_tensor(output)
    numbers = [float(values) for values in document["inputs"].values() if np.ndim(values) == 0]
    assert numbers == pytest.approx(expected, abs=1e-15)
    report = verify(document)
    assert report.verdict == "correct", str(report)
    assert report.loss.value == pytest.approx(output.item(), rel=1e-14)


def test_a_table_that_pytorch_does_not_keep_gets_its_numbers_back() -> None:
    w, table = leaf(*W), torch.linspace(0.0, 1.0, 12, dtype=torch.float64).reshape(3, 4)
    output = (w + table).tanh().sum()
    output.backward(retain_graph=True)
    (values,) = from_torch_tensor(output, names={"table": table})["inputs"].values()
    np.testing.assert_array_equal(values, table.numpy())


def test_a_mask_of_minus_infinity_is_a_choice() -> None:
    w, mask = leaf(*W), torch.full((3, 4), float("-inf"), dtype=torch.float64).triu(2)
    output = ((w + mask).softmax(1) * w).sum()
    output.backward(retain_graph=True)
    document = from_torch_tensor(output)
    assert [node["op"] for node in document["network"]["nodes"]][:2] == ["add", "where"]
    assert verify(document).verdict == "correct"


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.first(x).relu()
        hidden.retain_grad()
        return hidden, self.last(hidden) + x


def backward_of_residual() -> tuple[Any, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    module, x = Residual(), torch.randn(5, 4, requires_grad=True)
    hidden, outputs = module(x)
    outputs.retain_grad()
    loss = functional.cross_entropy(outputs, torch.tensor([0, 1, 2, 3, 0]))
    loss.backward(retain_graph=True)
    return module, x, hidden, loss


def test_a_module_that_is_no_perceptron_is_judged_by_its_own_names() -> None:
    module, x, hidden, loss = backward_of_residual()
    report = verify(from_torch_tensor(loss, module=module, names={"hidden": hidden, "x": x}))
    assert report.verdict == "correct", str(report)
    assert report.precision == "float32"
    assert {"first.weight", "last.bias", "inputs.x", "nodes.hidden"} <= set(report.parameters)


PLANTED = {
    "a weight": (lambda module, x, hidden: module.last.weight, "last.weight"),
    "an inner node": (lambda module, x, hidden: hidden, "nodes.hidden"),
    "an input": (lambda module, x, hidden: x, "inputs.x"),
}


@each(PLANTED)
def test_a_wrong_gradient_is_named(case: str) -> None:
    choose, key = PLANTED[case]
    module, x, hidden, loss = backward_of_residual()
    choose(module, x, hidden).grad.neg_()
    report = verify(from_torch_tensor(loss, module=module, names={"hidden": hidden, "x": x}))
    assert [name for name, row in report.parameters.items() if row.incorrect] == [key]
    assert [row.node for row in report.diagnosis] == [key]


def test_a_gradient_that_was_lost_is_missing() -> None:
    module, _, _, loss = backward_of_residual()
    module.first.bias.grad = None
    report = verify(from_torch_tensor(loss, module=module))
    assert report.parameters["first.bias"].verdict == "missing"


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad_output


REFUSED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "another operation": (
        lambda w: w.digamma().sum(),
        "digamma: expected an operation of graphs (docs/graphs.md lists",
    ),
    "two at once": (lambda w: (w.digamma() + w.cummax(0).values).sum(), "CummaxBackward0 of PyTorch"),
    "a function of one's own": (lambda w: Cube.apply(w).sum(), "check a torch.autograd.Function by itself"),
    "softplus's threshold": (lambda w: functional.softplus(w, threshold=2).sum(), "leave the threshold out"),
    "a threshold": (lambda w: functional.threshold(w, 0.5, 0.0).sum(), "write it with torch.where"),
    "frequencies": (
        lambda w: functional.embedding(torch.tensor([1]), w, scale_grad_by_freq=True).sum(),
        "embedding with scale_grad_by_freq",
    ),
    "no number": (lambda w: w * 2.0, "output: expected a live tensor of one number, got shape (3, 4)"),
}


@each(REFUSED)
def test_what_is_no_graph_of_the_table_is_refused_by_name_with_a_remedy(case: str) -> None:
    graph, words = REFUSED[case]
    w = leaf(*W)
    output = graph(w)
    output.sum().backward(retain_graph=True)
    with pytest.raises(MalformedSubmission) as refusal:
        from_torch_tensor(output, names={"w": w})
    assert words in str(refusal.value)


def test_all_parts_in_the_way_are_named_at_once() -> None:
    w = leaf(*W)
    output = (w.digamma() * w.cummax(0).values).sum()
    output.backward(retain_graph=True)
    with pytest.raises(MalformedSubmission) as refusal:
        from_torch_tensor(output)
    assert [mistake.pointer for mistake in refusal.value.errors] == ["digamma", "cummax"]


def test_a_refusal_shows_one_line_of_gradjury_in_its_traceback() -> None:
    output = leaf(*W).digamma().sum()
    output.backward(retain_graph=True)
    with pytest.raises(MalformedSubmission) as refusal:
        from_torch_tensor(output)
    assert [Path(str(entry.path)).name for entry in refusal.traceback][1:] == ["torch_tensor.py"]


def test_what_backward_freed_is_asked_for() -> None:
    w = leaf(*W)
    output = (w @ torch.ones(4, 2, dtype=torch.float64)).sum()
    output.backward()
    with pytest.raises(MalformedSubmission, match="call backward\\(retain_graph=True\\) on the tensor"):
        from_torch_tensor(output)


def test_without_backward_there_is_nothing_to_judge() -> None:
    with pytest.raises(MalformedSubmission, match="call backward\\(retain_graph=True\\) first"):
        from_torch_tensor((leaf(*W) * 2.0).sum())
    with pytest.raises(MalformedSubmission, match="one without grad_fn"):
        from_torch_tensor(torch.tensor(1.0))
    with pytest.raises(MalformedSubmission, match="got float"):
        from_torch_tensor(1.0)


def test_parameters_that_were_changed_since_are_noticed() -> None:
    w = leaf(*W)
    hidden = w.tanh()
    output = (hidden * 2.0).sum()
    output.backward(retain_graph=True)
    with torch.no_grad():
        w += 1.0
    with pytest.raises(MalformedSubmission, match="hidden: expected what tanh computes of its operands"):
        from_torch_tensor(output, names={"w": w, "hidden": hidden})


def test_data_go_by_the_names_that_they_are_given() -> None:
    w, x = leaf(*V), torch.ones(3, 4, dtype=torch.float64)
    output = (x @ w).sum()
    output.backward(retain_graph=True)
    document = from_torch_tensor(output, names={"x": x, "w": w})
    assert list(document["inputs"]) == ["x"]
    assert list(document["parameters"]) == ["w"]


def test_a_long_chain_is_walked_without_recursion() -> None:
    value = leaf(3)
    for _ in range(1500):
        value = value * 1.001
    output = value.sum()
    output.backward(retain_graph=True)
    assert len(from_torch_tensor(output)["network"]["nodes"]) == 1501


def complex_modulus(x: Any) -> Any:
    return (x.to(torch.complex128) * (1 + 2j)).abs()


@pytest.mark.parametrize(
    ("function", "named", "way"),
    [
        (Cube.apply, "CubeBackward", "check_gradient(Cube, None, *tensors)"),
        (complex_modulus, "complex numbers in MulBackward0", "write it with real numbers"),
    ],
)
def test_a_refusal_is_one_line_an_operation_without_gradjurys_frames(function, named, way) -> None:
    x = torch.tensor([0.5, -1.5], dtype=torch.float64, requires_grad=True)
    loss = function(x).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(ImportRefused) as caught:
        verify(loss)
    line = next(line for line in str(caught.value).splitlines() if named in line)
    assert way in line, line
    assert len(caught.traceback) == 2, [entry.name for entry in caught.traceback]


MIXED: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "a cast to float64": (lambda w, x: (w.double() * x).sum(), "float32"),
    "a promotion": (lambda w, x: (w * x).sum(), "float32"),
    "a cast to float16 and back": (lambda w, x: (w.half().float() * 2).tanh().sum(), "float16"),
    "a cast to bfloat16": (lambda w, x: ((w.bfloat16() * 2).double() * x).sum(), "bfloat16"),
}


@pytest.mark.parametrize("name", MIXED)
def test_a_graph_of_several_precisions_is_judged_in_the_narrowest(name: str) -> None:
    function, precision = MIXED[name]
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(3, generator=generator, requires_grad=True)
    x = torch.randn(3, generator=generator, dtype=torch.float64, requires_grad=True)
    loss = function(w, x)
    loss.backward(retain_graph=True)
    report = verify(loss)
    assert report.verdict == "correct", str(report)
    assert report.precision == precision
    assert w.grad is not None
    w.grad *= 1.5
    assert verify(loss).verdict == "incorrect"
