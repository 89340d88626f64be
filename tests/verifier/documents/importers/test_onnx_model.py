"""ONNX models: the reference evaluator of ONNX and PyTorch's exporter are the independent sources."""

import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from tests.verifier.documents.importers.problems import batch, outputs_of
from verifier import MalformedSubmission, verify
from verifier.documents.importers import from_onnx

RNG = np.random.default_rng(5)
W1, B1 = RNG.normal(size=(4, 6)), RNG.normal(size=6)
W2, B2 = RNG.normal(size=(6, 3)), RNG.normal(size=(1, 3))


def model(
    nodes: Sequence[Any],
    arrays: dict[str, Any] | None = None,
    domains: Sequence[tuple[str, int]] = (("", 20),),
) -> Any:
    """Make a model from x, (N, 4), to y."""
    arrays = {"W1": W1, "B1": B1, "W2": W2, "B2": B2} if arrays is None else arrays
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "graph",
        [value("x", TensorProto.DOUBLE, ["N", 4])],
        [value("y", TensorProto.DOUBLE, ["N", "M"])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid(*one) for one in domains], ir_version=10
    )


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(
        operator, inputs.split(), outputs.split(), name=f"{operator}_{outputs}", **attributes
    )


ACTIVATIONS = [
    ("Relu", {}),
    ("Tanh", {}),
    ("Sigmoid", {}),
    ("Softmax", {}),
    ("Softmax", {"axis": 1}),
    ("LeakyRelu", {}),
    ("LeakyRelu", {"alpha": 0.25}),
    ("Elu", {"alpha": 0.5}),
    ("Softplus", {}),
    ("Gelu", {}),
    ("Identity", {}),
    ("Flatten", {}),
    ("Dropout", {}),
]


@pytest.mark.parametrize(("operator", "attributes"), ACTIVATIONS, ids=lambda one: str(one))
def test_every_activation_puts_out_what_the_reference_evaluator_does(
    operator: str, attributes: dict[str, Any]
) -> None:
    made = model(
        [
            node("Gemm", "x W1 B1", "a"),
            node(operator, "a", "z", **attributes),
            node("MatMul", "z W2", "p"),
            node("Add", "p B2", "y"),
        ]
    )
    assert_reproduced(made, atol=1e-13 if operator != "Gelu" else 1e-7)  # the evaluator's erf is float32's


def assert_reproduced(made: Any, atol: float = 1e-13) -> dict[str, Any]:
    inputs = batch(1)[0]
    (outputs,) = ReferenceEvaluator(made).run(None, {"x": inputs})
    document = from_onnx(made.SerializeToString(), "torch.mse", inputs, np.zeros_like(outputs))
    np.testing.assert_allclose(outputs_of(document), outputs, atol=atol)
    return document


CONST = helper.make_node("Constant", [], ["C"], value=numpy_helper.from_array(W1))
SHAPE = helper.make_node("Constant", [], ["S"], value_ints=[0, -1])
GRAPHS = {
    "transposed weight": [node("Gemm", "x T B1", "y", transB=1)],
    "alpha and beta": [node("Gemm", "x W1 B1", "y", alpha=0.5, beta=-2.0)],
    "beta of 0": [node("Gemm", "x W1 B1", "y", beta=0.0)],
    "no bias": [node("Gemm", "x W1", "y")],
    "bare product": [node("MatMul", "x W1", "y")],
    "bias first": [node("MatMul", "x W1", "p"), node("Add", "B1 p", "y")],
    "two products": [node("MatMul", "x W1", "p"), node("MatMul", "p W2", "q"), node("Add", "q B2", "y")],
    "mixed layouts": [node("Gemm", "x T B1", "a", transB=1), node("Gemm", "a W2 B2", "y")],
    "weight as a constant": [CONST, node("MatMul", "x C", "y")],
    "weight transposed by a node": [node("Transpose", "T", "U"), node("MatMul", "x U", "y")],
    "silu as exporters write it": [
        node("Gemm", "x W1 B1", "a"), node("Sigmoid", "a", "s"), node("Mul", "a s", "z"),
        node("Gemm", "z W2 B2", "y"),
    ],
    "silu the other way round": [
        node("Gemm", "x W1 B1", "a"), node("Sigmoid", "a", "s"), node("Mul", "s a", "y"),
    ],
    "reshape to rows": [SHAPE, node("Reshape", "x S", "r"), node("Gemm", "r W1 B1", "y")],
}  # fmt: skip


@pytest.mark.parametrize("nodes", GRAPHS.values(), ids=GRAPHS)
def test_every_way_to_write_a_layer_is_read(nodes: list[Any]) -> None:
    arrays = {"W1": W1, "B1": B1, "W2": W2, "B2": B2, "T": W1.T}
    assert_reproduced(model(nodes, arrays))


def test_gradients_in_the_files_names_and_layouts_are_judged_correct() -> None:
    """Y = alpha x Tᵀ + beta B, so that ∂R/∂T carries alpha, and ∂R/∂B beta; PyTorch differentiates it."""
    arrays = {"T": W1.T, "B1": B1, "W2": W2}
    made = model(
        [
            node("Gemm", "x T B1", "a", transB=1, alpha=0.5, beta=-2.0),
            node("Tanh", "a", "z"),
            node("MatMul", "z W2", "y"),
        ],
        arrays,
    )
    inputs, targets = batch(3)
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}
    z = torch.tanh(0.5 * torch.as_tensor(inputs) @ leaves["T"].T - 2.0 * leaves["B1"])
    nn.functional.mse_loss(z @ leaves["W2"], torch.as_tensor(targets)).backward()
    gradients: dict[str, Any] = {name: leaf.grad for name, leaf in leaves.items()}
    document = from_onnx(made, "torch.mse", inputs, targets, gradients=gradients)
    assert verify(document).verdict == "correct"
    assert document["network"]["weights"] == "out_in"


class OnnxNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 5, bias=False))
        self.head = nn.Sequential(
            nn.SiLU(), nn.Linear(5, 3), nn.LeakyReLU(0.2), nn.Dropout(), nn.Linear(3, 3)
        )

    def forward(self, x: Any) -> Any:
        return torch.softmax(self.head(self.body(x)), dim=1)


def test_what_pytorch_exports_is_imported() -> None:
    torch.manual_seed(0)
    module, stream = OnnxNetwork().eval(), io.BytesIO()
    inputs = torch.as_tensor(batch(1)[0]).float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (inputs,), stream, dynamo=False)
    document = from_onnx(stream.getvalue(), "torch.mse", inputs, np.zeros((5, 3)))
    with torch.no_grad():
        np.testing.assert_allclose(outputs_of(document), module(inputs), atol=1e-6)


def external() -> Any:
    made = model([node("Gemm", "x W1 B1", "y")])
    tensor = made.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.ClearField("raw_data")
    return made


REFUSED: list[tuple[str, Callable[[], Any], str]] = [
    (
        "a custom operator",
        lambda: model([node("Mine", "x W1", "y", domain="homework")], domains=(("", 20), ("homework", 1))),
        "Mine of the domain 'homework'",
    ),
    ("external data", external, "W1: .*got external data"),
    (
        "all at once",
        lambda: model([node("Gemm", "x W1 B1", "a"), node("Erf", "a", "b"), node("HardSigmoid", "b", "y")]),
        "Erf_b: .*got Erf(.|\n)*HardSigmoid_y: .*got HardSigmoid",
    ),
    (
        "residual sum",
        lambda: model([node("MatMul", "x Q", "p"), node("Add", "p x", "y")], {"Q": np.eye(4)}),
        "Add_y: .*residual",
    ),
    (
        "shared weight",
        lambda: model([node("MatMul", "x Q", "p"), node("MatMul", "p Q", "y")], {"Q": np.eye(4)}),
        "'Q', which 'MatMul_p' uses already",
    ),
    (
        "columns",
        lambda: model([node("Gemm", "x Q", "y", transA=1)], {"Q": np.ones((5, 3))}),
        "transA=1",
    ),
    ("weight first", lambda: model([node("MatMul", "Q x", "y")], {"Q": np.eye(5)}), "examples as columns"),
    ("a bias alone", lambda: model([node("Add", "x Q", "y")], {"Q": np.ones(4)}), "without a MatMul"),
    (
        "a bias an example",
        lambda: model(
            [node("MatMul", "x Q", "p"), node("Add", "p C", "y")], {"Q": np.eye(4), "C": W1[:, :4]}
        ),
        r"'C' of shape \(4,\)",
    ),
    (
        "softmax over examples",
        lambda: model([node("MatMul", "x W1", "a"), node("Softmax", "a", "y", axis=0)]),
        "axis 0",
    ),
    (
        "sizes that do not fit",
        lambda: model([node("MatMul", "x W1", "a"), node("MatMul", "a Q", "y")], {"W1": W1, "Q": W1}),
        "MatMul_y: expected a layer of 6 inputs",
    ),
    (
        "a computed weight",
        lambda: model([node("Exp", "W1", "E"), node("MatMul", "x E", "y")]),
        "Exp of weights",
    ),
    ("a later opset's mistake", lambda: model([node("Relu", "x W1", "y")]), "a valid ONNX model"),
]


@pytest.mark.parametrize(("made", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_perceptron_is_refused_by_the_name_of_its_operator(
    made: Callable[[], Any], message: str
) -> None:
    with pytest.raises(MalformedSubmission, match=message):
        from_onnx(made(), "torch.mse", *batch(4))


GOOD = model([node("Gemm", "x W1 B1", "y")]).SerializeToString()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\x80\x04.", "got a pickle"), (GOOD[:-40], "ONNX model"), (b"{}", "ONNX model"), (b"", "ONNX model")],
    ids=["pickle", "truncated", "JSON", "empty"],
)
def test_damaged_and_pickled_files_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(MalformedSubmission, match=message):
        from_onnx(content, "torch.mse", *batch(6))


def test_the_versions_of_the_tests_still_make_standard_operators() -> None:
    assert onnx.defs.onnx_opset_version() >= 20
