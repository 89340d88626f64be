"""Live graphs of the course's library edugrad, with the gradients that it computed itself."""

from typing import Any

import edugrad
import numpy as np
import pytest
from edugrad import nn, ops
from edugrad.tensor import Operation, tensor_op

from verifier import MalformedSubmission, verify
from verifier.documents.importers import from_edugrad


class Mlp(nn.Module):  # type: ignore[misc]
    """The network of edugrad's example: half the sum of ten binary digits, from two hidden layers of 32."""

    def __init__(self, inputs: int = 10, hidden: int = 32) -> None:
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, x: Any) -> Any:
        return self.output(ops.relu(self.fc2(ops.relu(self.fc1(x)))))


def example(hidden: int = 32, examples: int = 32) -> tuple[Any, Any]:
    """Return the module and its loss on one batch, after edugrad's backward pass."""
    np.random.seed(0)  # edugrad draws its weights so
    rng = np.random.default_rng(0)
    module = Mlp(hidden=hidden)
    digits = rng.integers(0, 2, size=(examples, 10)).astype(float)
    x, y = edugrad.Tensor(digits, name="x"), edugrad.Tensor(digits.sum(axis=1, keepdims=True) / 2, name="y")
    module.zero_grad()
    loss = ops.mse_loss(module(x), y)
    loss.backward()
    return module, loss


@tensor_op
class tanh(Operation):  # type: ignore[misc] # noqa: N801 -- as edugrad names its operations
    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        ctx.append(np.tanh(x))
        return ctx[-1]

    @staticmethod
    def backward(ctx: list[Any], grad_output: Any) -> list[Any]:
        return [grad_output * (1 - ctx[-1] ** 2)]


@tensor_op
class squash(Operation):  # type: ignore[misc] # noqa: N801
    """tanh by another name, its derivative forgotten."""

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        return np.tanh(x)

    @staticmethod
    def backward(ctx: list[Any], grad_output: Any) -> list[Any]:
        return [grad_output]


@tensor_op
class lookup_rows(Operation):  # type: ignore[misc] # noqa: N801
    @staticmethod
    def forward(ctx: list[Any], table: Any, places: Any) -> Any:
        ctx += [table, places]
        return table[places]

    @staticmethod
    def backward(ctx: list[Any], grad_output: Any) -> list[Any]:
        gradient = np.zeros_like(ctx[0])
        np.add.at(gradient, ctx[1], grad_output)
        return [gradient, np.zeros(ctx[1].shape)]


def test_the_example_network_of_edugrad_is_right_at_every_node() -> None:
    module, loss = example()
    document = from_edugrad(loss, module=module)
    report = verify(document)
    assert report.verdict == "correct", str(report)
    assert {row.verdict for row in report.parameters.values()} == {"correct"}
    names = [name for name in report.parameters if name.startswith("nodes.")]
    assert len(names) == len(document["network"]["nodes"]) == 14
    assert {"fc1.weight", "fc2.bias", "output.weight", "inputs.x", "inputs.y"} <= set(report.parameters)
    assert {row.oracle for row in report.evidence if row.agrees} >= {"backpropagation", "autograd"}


def change_gradient(loss: Any, name: str, change: Any) -> None:
    for parent, child in loss.get_graph_above():
        for tensor in (parent, child):
            if tensor.name == name:
                tensor.grad = change(tensor.grad)
                return
    pytest.fail(f"no {name} in the graph")


PLANTED = {
    "minus": (lambda grad: -grad, "nodes.minus"),
    "power": (lambda grad: grad * 32, "nodes.power"),
    "y": (lambda grad: -grad, "inputs.y"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_wrong_gradient_is_named_at_its_node(name: str) -> None:
    change, key = PLANTED[name]
    module, loss = example(hidden=3, examples=4)
    change_gradient(loss, name, change)
    report = verify(from_edugrad(loss, module=module))
    assert [name for name, row in report.parameters.items() if row.incorrect] == [key]
    assert report.diagnosis[0].node == key


def test_without_a_module_every_leaf_is_a_parameter_by_its_own_name() -> None:
    w, v = edugrad.Tensor(np.array([1.0, 2.0]), name="w"), edugrad.Tensor(np.array([3.0, -1.0]))
    loss = ops.reduce_sum((w - v) ** 3)
    loss.backward()
    document = from_edugrad(loss, names={"v": v})
    assert list(document["parameters"]) == ["w", "v"]
    assert verify(document).verdict == "correct"


def test_operations_of_ones_own_go_by_our_names_or_are_given_them() -> None:
    x = edugrad.Tensor(np.array([0.5, -1.5]), name="x")
    loss = ops.reduce_sum(tanh(x))
    loss.backward()
    assert verify(from_edugrad(loss)).verdict == "correct"
    loss = ops.reduce_sum(squash(x))
    x.grad = np.zeros(2)
    loss.backward()
    with pytest.raises(MalformedSubmission) as refusal:
        from_edugrad(loss)
    assert "squash: expected an operation of graphs" in str(refusal.value)
    assert 'operations={"squash": "tanh"}' in str(refusal.value)
    report = verify(from_edugrad(loss, operations={"squash": "tanh"}))
    (row,) = report.diagnosis
    assert (row.node, row.bug) == ("x", "missing-activation-derivative")


def test_an_operation_under_a_wrong_name_is_noticed_by_its_numbers() -> None:
    x = edugrad.Tensor(np.array([0.5, -1.5]), name="x")
    loss = ops.reduce_sum(squash(x))
    loss.backward()
    with pytest.raises(MalformedSubmission, match="squash: expected what sigmoid computes of its operands"):
        from_edugrad(loss, operations={"squash": "sigmoid"})
    with pytest.raises(MalformedSubmission, match="did you mean 'sigmoid'"):
        from_edugrad(loss, operations={"squash": "sigmoidd"})


def test_indices_are_data_and_have_no_gradient() -> None:
    table = edugrad.Tensor(np.arange(6.0).reshape(3, 2) / 3, name="table")
    places = edugrad.Tensor(np.array([2, 0, 2]), name="places")
    loss = ops.reduce_sum(lookup_rows(table, places) ** 2)
    loss.backward()
    document = from_edugrad(loss)
    assert list(document["inputs"]) == ["places"]
    assert verify(document).verdict == "correct"


def test_what_is_no_finished_graph_is_refused() -> None:
    x = edugrad.Tensor(np.array([0.5, -1.5]), name="x")
    with pytest.raises(MalformedSubmission, match="Tensor, one number, got list"):
        from_edugrad([1.0])
    with pytest.raises(MalformedSubmission, match="expected one number, got shape"):
        from_edugrad(x**2)
    with pytest.raises(MalformedSubmission, match="call backward\\(\\) on this tensor first"):
        from_edugrad(ops.reduce_sum(x))


def test_parameters_that_an_optimizer_has_moved_are_noticed() -> None:
    module, loss = example(hidden=3, examples=4)
    edugrad.optim.SGD(module.parameters(), lr=0.1).step()
    with pytest.raises(MalformedSubmission, match="import it before parameters are changed"):
        from_edugrad(loss, module=module)
