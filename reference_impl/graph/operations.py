"""The node of a computation graph, the leaves, and the operations that have an operator of Python.

They stand in one file because each operator (`+ - * / ** @`) of a node makes another node.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from contextvars import ContextVar
from numbers import Real
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import Array, as_array, frozen, sum_to_shape
from reference_impl.graph.errors import NotRunError, OperandError, WiringError


class Recorder(Protocol):
    """An object that is notified of every operation as it is computed."""

    def record(self, operation: Operation) -> None:
        """Record an operation that has just been computed."""


ACTIVE_RECORDERS: ContextVar[tuple[Recorder, ...]] = ContextVar("active_recorders", default=())
"""From the outermost `with` block to the innermost. A new thread starts with none."""


class Operation(ABC):
    """A node: an operation, its operands, and the value and gradients that sweeps have left in it.

    One instance is one node: it is connected to its operands once, by calling it. A subclass sets the number
    of its operands (`arity`) and implements `forward`, `backward` and `push_forward`. The latter two may
    read `operand_values` and `value`, which `evaluate` has set.

    Gradients of complex values are those of analytic functions: nothing is conjugated.
    """

    arity: ClassVar[int] = 1
    __array_ufunc__ = None  # so that array + node calls the node's __radd__

    def __init__(self, *, name: str | None = None) -> None:
        self.is_named = name is not None
        self.name = self.kind if name is None else name  # a graph appends a number to a name of its making
        self.operand_values: tuple[Array, ...] = ()
        self._operands: tuple[Operation, ...] | None = () if self.arity == 0 else None
        self._value: Array | None = None
        self._grad: Array | None = None
        self._grads: tuple[Array, ...] | None = None

    @abstractmethod
    def forward(self, *operand_values: Any, **_: Any) -> Array:  # a subclass names its operands
        """Return the value."""

    @abstractmethod
    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        """Return the derivative with respect to each operand, from the one with respect to the value.

        Shapes: `output_grad` has the shape of the value, each result that of its operand.
        """

    def push_forward(self, *operand_tangents: Any, **_: Any) -> Array:
        """Return the tangent of the value from the tangents of the operands (forward mode).

        Shapes: each tangent has the shape of its operand, the result that of the value.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no push_forward: write it beside backward to use forward mode"
        )

    @property
    def kind(self) -> str:
        """The name of the class in snake case: `log_softmax` for LogSoftmax."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def is_connected(self) -> bool:
        """True if the operands are known; a leaf needs none and is always connected."""
        return self._operands is not None

    @property
    def operands(self) -> tuple[Operation, ...]:
        """The nodes that this one depends on, from left to right; one that is used twice is listed twice."""
        return self._operands or ()

    @property
    def value(self) -> Array:
        """The value that the last forward sweep computed. Raises NotRunError before the first one."""
        return _computed(self._value, self, "value", "forward")

    @property
    def grad(self) -> Array:
        """The derivative of the graph's output with respect to this node's value, summed over all paths.

        Raises NotRunError if no backward sweep has followed the last forward sweep.
        """
        return _computed(self._grad, self, "gradient", "backward")

    @property
    def grads(self) -> tuple[Array, ...]:
        """The gradients that this operation passes back to each operand.

        The `grad` of an operand is the sum of these over all its uses.

        Raises NotRunError if no backward sweep has followed the last forward sweep.
        """
        return _computed(self._grads, self, "gradient", "backward")

    def connect(self, *operands: Operand) -> None:
        """Set the operands: nodes, or numbers and arrays, which become constants.

        Raises WiringError if their number is wrong, or if the operation is connected already.
        """
        if len(operands) != self.arity:
            raise WiringError(
                f"{self} was given {len(operands)} operand(s) and takes {self.arity}: give it exactly those"
            )
        if self._operands is not None:
            raise WiringError(
                f"{self} is connected already, and one operation is one node: "
                f"make another {type(self).__name__} for another use"
            )
        self._operands = tuple(
            operand if isinstance(operand, Operation) else Constant(operand) for operand in operands
        )

    def __call__(self, *operands: Operand) -> Operation:
        """Connect to `operands` and return self; within a DynamicGraph, also compute and record it."""
        self.connect(*operands)
        if recorders := ACTIVE_RECORDERS.get():
            self.evaluate(*[operand.value for operand in self.operands])
            for recorder in recorders:
                recorder.record(self)
        return self

    @np.errstate(all="ignore")  # infinity and NaN are valid results here
    def evaluate(self, *operand_values: Array) -> None:
        """Compute the value and store it with the operands' values; older gradients are deleted.

        Raises OperandError with the name of this node and the shapes that it cannot combine.
        """
        self.forget_gradients()
        try:
            self._value = frozen(as_array(self.forward(*operand_values)))
        except ValueError as error:
            shapes = " and ".join(str(np.shape(value)) for value in operand_values)
            raise OperandError(
                f"{self} cannot be computed from operands of shape {shapes}: {error}; "
                "change a shape, or the operation"
            ) from error
        self.operand_values = operand_values

    def receive_gradients(self, grad: Array, grads: tuple[Array, ...]) -> None:
        """Store the results of a backward sweep."""
        self._grad, self._grads = grad, grads

    def forget_gradients(self) -> None:
        """Delete the results of the last backward sweep."""
        self._grad = self._grads = None

    def __add__(self, other: Operand) -> Operation:
        return Add()(self, other)

    def __radd__(self, other: Operand) -> Operation:
        return Add()(other, self)

    def __sub__(self, other: Operand) -> Operation:
        return Subtract()(self, other)

    def __rsub__(self, other: Operand) -> Operation:
        return Subtract()(other, self)

    def __mul__(self, other: Operand) -> Operation:
        return Multiply()(self, other)

    def __rmul__(self, other: Operand) -> Operation:
        return Multiply()(other, self)

    def __truediv__(self, other: Operand) -> Operation:
        return Divide()(self, other)

    def __rtruediv__(self, other: Operand) -> Operation:
        return Divide()(other, self)

    def __matmul__(self, other: Operand) -> Operation:
        return MatMul()(self, other)

    def __rmatmul__(self, other: Operand) -> Operation:
        return MatMul()(other, self)

    def __neg__(self) -> Operation:
        return Negate()(self)

    def __pow__(self, exponent: float) -> Operation:
        return Power(exponent)(self)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}({', '.join(map(str, self.operands))})>"


Operand: TypeAlias = Operation | npt.ArrayLike
"""A node, or a number or array that becomes a Constant."""

Result = TypeVar("Result")


def _computed(result: Result | None, operation: Operation, noun: str, sweep: str) -> Result:
    if result is None:
        raise NotRunError(f"{operation} has no {noun} yet: run {sweep} on its graph first")
    return result


class Leaf(Operation):
    """A node whose value is set by `evaluate(value)`, which stores a copy."""

    arity: ClassVar[int] = 0

    def forward(self, value: npt.ArrayLike) -> Array:
        return np.array(as_array(value))

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return ()

    def push_forward(self) -> Array:
        return np.zeros_like(self.value)


class Input(Leaf):
    """A leaf that every run of a StaticGraph must feed."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)


class Parameter(Leaf):
    """A leaf that training changes: its value stays until `assign` or a feed replaces it."""

    def __init__(self, value: npt.ArrayLike, name: str | None = None) -> None:
        super().__init__(name=name)
        self.evaluate(as_array(value))

    def assign(self, value: npt.ArrayLike) -> None:
        """Replace the value, and delete the gradient."""
        self.evaluate(as_array(value))


class Constant(Leaf):
    """A leaf whose value never changes."""

    def __init__(self, value: npt.ArrayLike, name: str | None = None) -> None:
        super().__init__(name=name)
        self.evaluate(as_array(value))


class Elementwise(Operation):
    """z = g(a) on each entry alone; a subclass implements `forward` and `slope`."""

    @abstractmethod
    def slope(self, operand: Array) -> Array:
        """Return g′(a), in the shape of the value, from the operand a or from `self.value`, which is z."""

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        (operand,) = self.operand_values
        return (sum_to_shape(output_grad * self.slope(operand), operand.shape),)

    def push_forward(self, operand_tangent: Array) -> Array:
        (operand,) = self.operand_values
        return operand_tangent * self.slope(operand)


class Binary(Operation):
    """An operation on two operands with broadcasting."""

    arity: ClassVar[int] = 2

    def summed_back(self, left_grad: Array, right_grad: Array) -> tuple[Array, Array]:
        """Return both gradients, of the shape of the value, summed to the shapes of the operands."""
        left, right = self.operand_values
        return sum_to_shape(left_grad, left.shape), sum_to_shape(right_grad, right.shape)


class Add(Binary):
    """left + right."""

    def forward(self, left: Array, right: Array) -> Array:
        return left + right

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return self.summed_back(output_grad, output_grad)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        return left_tangent + right_tangent


class Subtract(Binary):
    """left - right."""

    def forward(self, left: Array, right: Array) -> Array:
        return left - right

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        return self.summed_back(output_grad, -output_grad)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        return left_tangent - right_tangent


class Multiply(Binary):
    """left * right, with dz = right dleft + left dright."""

    def forward(self, left: Array, right: Array) -> Array:
        return left * right

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        left, right = self.operand_values
        return self.summed_back(output_grad * right, output_grad * left)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        left, right = self.operand_values
        return np.asarray(left_tangent * right + left * right_tangent)


class Divide(Binary):
    """left / right, with dz = (dleft - z dright) / right."""

    def forward(self, left: Array, right: Array) -> Array:
        return left / right

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        _, right = self.operand_values
        left_grad = output_grad / right
        return self.summed_back(left_grad, -left_grad * self.value)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        _, right = self.operand_values
        return np.asarray((left_tangent - self.value * right_tangent) / right)


class Negate(Elementwise):
    """-operand."""

    def forward(self, operand: Array) -> Array:
        return -operand

    def slope(self, operand: Array) -> Array:
        return np.full_like(operand, -1.0)


class Power(Elementwise):
    """operand ** exponent, where the exponent is a number and not a node."""

    def __init__(self, exponent: float, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if not isinstance(exponent, Real):
            raise OperandError(
                f"the exponent {exponent!s} is not a real number: for a variable one write exp(y * log(x))"
            )
        self.exponent: float = float(exponent)

    def forward(self, operand: Array) -> Array:
        return np.asarray(operand**self.exponent)

    def slope(self, operand: Array) -> Array:
        if self.exponent == 0:
            return np.zeros_like(operand)  # 0 * 0 ** -1 would be NaN at 0
        return np.asarray(self.exponent * operand ** (self.exponent - 1))


class MatMul(Operation):
    """left @ right as in numpy: vectors on either side, and leading axes that broadcast."""

    arity: ClassVar[int] = 2

    def forward(self, left: Array, right: Array) -> Array:
        return np.asarray(left @ right)

    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        left, right = self.operand_values
        rows = left[np.newaxis, :] if left.ndim == 1 else left
        columns = right[:, np.newaxis] if right.ndim == 1 else right
        grad = output_grad[..., np.newaxis] if right.ndim == 1 else output_grad
        grad = np.expand_dims(grad, -2) if left.ndim == 1 else grad
        left_grad = sum_to_shape(grad @ columns.swapaxes(-1, -2), rows.shape)
        right_grad = sum_to_shape(rows.swapaxes(-1, -2) @ grad, columns.shape)
        return left_grad.reshape(left.shape), right_grad.reshape(right.shape)

    def push_forward(self, left_tangent: Array, right_tangent: Array) -> Array:
        left, right = self.operand_values
        return np.asarray(left_tangent @ right + left @ right_tangent)
