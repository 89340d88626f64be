"""An autograd engine is checked by a table of its functions: right, with mistakes, and within its limits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.verifier.documents.importers.test_value_graph import Value
from verifier.testing.graph_check_backward import check_graph_backward, graph_failure_lines


class Tensor:
    """A small engine of arrays, without broadcasting on the way back."""

    sums_copies = False
    accumulates = True

    def __init__(self, data: Any, operands: tuple["Tensor", ...] = ()) -> None:
        self.data, self.operands = np.asarray(data, dtype=float), operands
        self.grad: Any = None
        self.pull: Callable[[Any], tuple[Any, ...]] = lambda g: ()

    @classmethod
    def of(cls, x: Any) -> "Tensor":
        return x if isinstance(x, Tensor) else cls(x)

    def made(self, data: Any, operands: tuple["Tensor", ...], pull: Callable[[Any], Any]) -> "Tensor":
        out = type(self)(data, operands)
        out.pull = pull
        return out

    def add(self, other: Any) -> "Tensor":
        other = self.of(other)
        return self.made(self.data + other.data, (self, other), lambda g: (g, g))

    def multiply(self, other: Any) -> "Tensor":
        other = self.of(other)
        pull = lambda g: (g * other.data, g * self.data)  # noqa: E731
        return self.made(self.data * other.data, (self, other), pull)

    def matmul(self, other: "Tensor") -> "Tensor":
        if self.data.ndim != 2 or other.data.ndim != 2:
            raise NotImplementedError("matrices alone")
        pull = lambda g: (g @ other.data.T, self.data.T @ g)  # noqa: E731
        return self.made(self.data @ other.data, (self, other), pull)

    def tanh(self) -> "Tensor":
        t = np.tanh(self.data)
        return self.made(t, (self,), lambda g: (g * (1 - t * t),))

    def sum(self) -> "Tensor":
        return self.made(self.data.sum(), (self,), lambda g: (g * np.ones(self.data.shape),))

    def backward(self) -> None:
        order: list[Tensor] = []

        def visit(tensor: "Tensor") -> None:
            if tensor not in order:
                for operand in tensor.operands:
                    visit(operand)
                order.append(tensor)

        visit(self)
        self.grad = np.ones(())
        for tensor in reversed(order):
            for operand, share in zip(tensor.operands, tensor.pull(tensor.grad), strict=True):
                new = operand.grad is None or not self.accumulates
                operand.grad = share if new else operand.grad + share


class Forgetful(Tensor):
    accumulates = False


def table(engine: type[Tensor]) -> dict[str, Callable[..., Any]]:
    return {name: getattr(engine, name) for name in ("add", "multiply", "matmul", "tanh", "sum")}


SCALARS = {
    "add": lambda x, y: x + y,
    "multiply": lambda x, y: x * y,
    "subtract": lambda x, y: x - y,
    "power": lambda x, exponent: x**exponent,
    "tanh": Value.tanh,
    "relu": Value.relu,
}


def test_an_engine_of_scalars_needs_its_class_and_a_table() -> None:
    assert check_graph_backward(Value, operations=SCALARS, dimensions=[0], graphs=40) is None


def test_an_engine_of_arrays_is_right_within_its_limits() -> None:
    limits = {"axes": False, "broadcasting": False, "graphs": 40}
    assert check_graph_backward(Tensor, operations=table(Tensor), **limits) is None
    assert check_graph_backward(Tensor, operations=table(Tensor), inner=True, **limits) is None


def test_what_the_engine_does_not_sum_shows_with_broadcasting() -> None:
    failure = check_graph_backward(Tensor, operations=table(Tensor), axes=False, graphs=40)
    assert failure is not None
    nodes = failure.document["network"]["nodes"]
    assert len(nodes) <= 2, nodes


def test_a_mistake_is_named_on_a_graph_that_is_printed_in_the_same_names() -> None:
    failure = check_graph_backward(
        Forgetful, operations=table(Forgetful), axes=False, broadcasting=False, graphs=40
    )
    assert failure is not None
    lines = list(graph_failure_lines(failure))
    assert lines[0].startswith("Forgetful is wrong")
    assert any("assigned-not-accumulated" in line or "missing-path" in line for line in lines), lines
    larger = next(line for line in lines if "tell mistakes apart" in line)
    heading = next(line for line in lines if "bug:" in line)
    place = heading.split(" in ")[1].split()[0].removeprefix("nodes.")
    assert place in larger, (place, larger)


def test_another_value_of_the_forward_pass_is_told_with_its_node() -> None:
    wrong = {**table(Tensor), "tanh": lambda x: x}
    failure = check_graph_backward(Tensor, operations=wrong, axes=False, broadcasting=False, graphs=40)
    assert failure is not None
    assert failure.raised is not None
    assert "forward gives" in failure.raised
    assert "tanh(" in failure.raised


def test_an_engine_that_offers_nothing_is_no_success() -> None:
    def nothing(*operands: Any, **options: Any) -> Any:
        raise NotImplementedError

    with pytest.raises(ValueError, match="nothing was checked"):
        check_graph_backward(Tensor, operations={"add": nothing, "sum": nothing}, graphs=5)


def test_an_unknown_operation_of_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="expected operations among"):
        check_graph_backward(Tensor, operations={"plus": Tensor.add})


@pytest.mark.nightly
def test_pytorch_is_right_on_every_operation_with_its_own_options() -> None:
    operations = {
        "add": torch.add,
        "multiply": torch.mul,
        "divide": torch.div,
        "matmul": torch.matmul,
        "sum": lambda x, axis=None, keepdims=False: x.sum(dim=axis, keepdim=keepdims),
        "mean": lambda x, axis=None, keepdims=False: x.mean(dim=axis, keepdim=keepdims),
        "tanh": torch.tanh,
        "softmax": lambda x, axis=-1: torch.softmax(x, dim=axis),
    }

    def leaf(array: Any) -> Any:
        return torch.tensor(array, dtype=torch.float64, requires_grad=True)

    assert check_graph_backward(leaf, operations=operations) is None
