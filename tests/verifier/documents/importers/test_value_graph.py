"""Live graphs of `Value` objects: micrograd's, written anew, and tensors of arrays with other names."""

import math
import random
from typing import Any

import numpy as np
import pytest

from verifier import MalformedSubmission, verify
from verifier.documents.importers import from_value
from verifier.documents.reading import read_any_submission


class Value:
    """A number that remembers its operands, as a set, and its operation, as micrograd's does."""

    def __init__(
        self, data: float, operands: tuple["Value", ...] = (), op: str = "", label: str = ""
    ) -> None:
        self.data, self.grad, self.label = float(data), 0.0, label
        self._prev, self._op = set(operands), op
        self._backward: Any = lambda: None

    @staticmethod
    def of(x: "Value | float") -> "Value":
        return x if isinstance(x, Value) else Value(x)

    def _made(self, data: float, op: str, *shares: tuple["Value", Any]) -> "Value":
        out = Value(data, tuple(operand for operand, _ in shares), op)

        def backward() -> None:
            for operand, slope in shares:
                operand.grad += slope() * out.grad

        out._backward = backward
        return out

    def __add__(self, other: "Value | float") -> "Value":
        other = Value.of(other)
        return self._made(self.data + other.data, "+", (self, lambda: 1.0), (other, lambda: 1.0))

    def __mul__(self, other: "Value | float") -> "Value":
        other = Value.of(other)
        return self._made(self.data * other.data, "*", (self, lambda: other.data), (other, lambda: self.data))

    def __sub__(self, other: "Value | float") -> "Value":
        other = Value.of(other)
        return self._made(self.data - other.data, "-", (self, lambda: 1.0), (other, lambda: -1.0))

    def __truediv__(self, other: "Value | float") -> "Value":
        other = Value.of(other)
        slope = lambda: -self.data / other.data**2  # noqa: E731
        return self._made(self.data / other.data, "/", (self, lambda: 1 / other.data), (other, slope))

    def __pow__(self, exponent: float) -> "Value":
        slope = lambda: exponent * self.data ** (exponent - 1)  # noqa: E731
        return self._made(self.data**exponent, f"**{exponent}", (self, slope))

    def plus_number(self, number: float) -> "Value":
        """Add a number that is no node of the graph."""
        return self._made(self.data + number, "+", (self, lambda: 1.0))

    def tanh(self) -> "Value":
        t = math.tanh(self.data)
        return self._made(t, "tanh", (self, lambda: 1 - t * t))

    def exp(self) -> "Value":
        return self._made(math.exp(self.data), "exp", (self, lambda: math.exp(self.data)))

    def relu(self) -> "Value":
        return self._made(max(0.0, self.data), "ReLU", (self, lambda: float(self.data > 0)))

    __radd__, __rmul__ = __add__, __mul__

    def backward(self) -> None:
        order, seen = [], set()

        def visit(value: "Value") -> None:
            if value not in seen:
                seen.add(value)
                for operand in value._prev:
                    visit(operand)
                order.append(value)

        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            value._backward()


def network(seed: int = 0) -> tuple[Value, list[Value]]:
    """Return the loss of a small network on three examples, and its weights."""
    draw = random.Random(seed).uniform
    weights = [Value(draw(-1, 1), label=f"w{index}") for index in range(9)]
    loss = Value(0.0, label="start")
    for _ in range(3):
        x = [Value(draw(-1, 1)), Value(draw(-1, 1))]
        hidden = [(x[0] * weights[i] + x[1] * weights[i + 1] + weights[i + 2]).tanh() for i in (0, 3)]
        output = hidden[0] * weights[6] + hidden[1] * weights[7] + weights[8]
        loss = loss + (output - draw(-1, 1)) ** 2
    return loss / 3, weights


def test_a_network_of_micrograd_is_correct_with_all_its_inner_gradients() -> None:
    loss, weights = network()
    loss.backward()
    report = verify(loss)
    assert report.verdict == "correct", str(report)
    assert {weight.label for weight in weights} <= set(report.parameters)
    assert any(name.startswith("nodes.") for name in report.parameters)


EXPRESSIONS = {
    "constants": lambda a, b: (a + 1) * 2 - 3 + b / 4,
    "the same operand twice": lambda a, b: a * a + (b + b),
    "the order of a difference and a quotient": lambda a, b: (a - b) / (b * 3 + 7) - (b - a) ** 3,
    "a plain number without a node": lambda a, b: (a.plus_number(1.0) * b).exp(),
    "relu and a negative power": lambda a, b: (a.relu() + 2) ** -1 * b,
    "one value with many uses": lambda a, b: (a * b + a).tanh() * a + (a * b + a),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_is_read_from_its_values(name: str) -> None:
    a, b = Value(0.7, label="a"), Value(-1.3, label="b")
    output = EXPRESSIONS[name](a, b)
    output.backward()
    report = verify(output)
    assert report.verdict == "correct", str(report)
    a.grad += 0.5
    report = verify(output)
    assert report.parameters["a"].verdict == "incorrect", str(report)
    assert report.parameters["b"].verdict == "correct"


def test_an_assigned_gradient_is_named() -> None:
    a, b = Value(0.7, label="a"), Value(-1.3, label="b")
    output = a * b + a
    output.backward()
    a.grad = 1.0  # the last use alone
    report = verify(from_value(output, names={"product": next(iter(output._prev - {a}))}))
    row = report.diagnosis[0]
    assert "assigned-not-accumulated" in (row.bug, *row.also_consistent), str(report)


class Array:
    """A tensor of arrays under other names, whose operands are a tuple."""

    def __init__(self, value: Any, parents: tuple["Array", ...] = (), op: str = "", name: str = "") -> None:
        self.value, self.children, self.op, self.name = np.asarray(value, float), parents, op, name
        self.grad: Any = np.zeros(self.value.shape)


def test_tensors_of_arrays_with_an_axis_that_is_not_told_are_read() -> None:
    rng = np.random.default_rng(0)
    x, w = Array(rng.normal(size=(4, 3)), name="x"), Array(rng.normal(size=(3, 2)), name="w")
    a = Array(x.value @ w.value, (x, w), "@")
    z = Array(np.maximum(a.value, 0), (a,), "relu")
    rows = Array(z.value.sum(axis=1, keepdims=True), (z,), "sum")
    loss = Array(rows.value.mean(), (rows,), "mean")
    loss.grad = np.ones(())
    rows.grad = np.full((4, 1), 0.25)
    z.grad = np.full((4, 2), 0.25)
    a.grad = z.grad * (a.value > 0)
    x.grad, w.grad = a.grad @ w.value.T, x.value.T @ a.grad
    report = verify(loss)
    assert report.verdict == "correct", str(report)
    assert report.parameters["w"].shape == (3, 2)


def test_an_unknown_operation_is_refused_by_name_and_may_be_described() -> None:
    a = Value(0.7, label="a")
    output = a._made(math.sin(a.data), "wave", (a, lambda: math.cos(a.data))) * 2
    output.backward()
    with pytest.raises(MalformedSubmission, match="'wave'") as caught:
        verify(output)
    assert str(caught.value).count("\n") == 0
    assert "operations={'wave'" in str(caught.value)
    assert verify(from_value(output, operations={"wave": "sin"})).verdict == "correct"


def test_a_value_without_gradients_says_what_to_call() -> None:
    with pytest.raises(MalformedSubmission, match=r"call backward\(\)"):
        verify(Value(2.0) * 3)


def test_a_value_that_was_changed_after_the_forward_pass_is_refused() -> None:
    a, b = Value(0.7, label="a"), Value(-1.3, label="b")
    output = (a + b).tanh()
    output.backward()
    a.data -= 0.1 * a.grad
    with pytest.raises(MalformedSubmission, match="before values are changed"):
        verify(output)


def test_a_chain_of_many_values_is_read_without_recursion() -> None:
    total = start = Value(1.0, label="start")
    for index in range(2000):
        total = total + Value(index / 1000)
    total.grad = start.grad = 1.0
    document = from_value(total)
    document["gradients"] = {"start": 1.0}
    assert len(read_any_submission(document).problem.nodes) == 2000
