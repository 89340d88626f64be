"""The node of a computation graph: an operation, what it is applied to, and what became of it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import Array, as_array, frozen
from reference_impl.graph.errors import NotRunError, OperandError, WiringError
from reference_impl.graph.operators import ArithmeticOperators
from reference_impl.graph.recording import ACTIVE_RECORDERS


class Operation(ArithmeticOperators, ABC):
    """Compute a value from operands, and carry derivatives through that computation in both directions.

    One instance is one node: it is connected to its operands once, by calling it. A subclass says how many
    operands it takes (`arity`) and writes three methods side by side. `backward` and `push_forward` may read
    `operand_values` and `value`, which `evaluate` has left behind.

    Gradients of complex values are those of analytic functions: nothing is conjugated.
    """

    arity: ClassVar[int] = 1
    __array_ufunc__ = None  # an array beside a node leaves the arithmetic to the node

    def __init__(self, *, name: str | None = None) -> None:
        self.is_named = name is not None
        self.name = self.kind if name is None else name  # a graph adds a number where no name was given
        self.operand_values: tuple[Array, ...] = ()
        self._operands: tuple[Operation, ...] | None = () if self.arity == 0 else None
        self._value: Array | None = None
        self._grad: Array | None = None
        self._grads: tuple[Array, ...] | None = None

    @abstractmethod
    def forward(self, *operand_values: Any, **_: Any) -> Array:  # a subclass names its operands
        """Compute the value."""

    @abstractmethod
    def backward(self, output_grad: Array) -> tuple[Array, ...]:
        """Turn the derivative with respect to the value into one with respect to each operand.

        Shapes: `output_grad` has the shape of the value, each result that of its operand.
        """

    def push_forward(self, *operand_tangents: Any, **_: Any) -> Array:
        """Turn the operands' rates of change into the rate of change of the value.

        Shapes: each tangent has the shape of its operand, the result that of the value.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no push_forward: write it beside backward to use forward mode"
        )

    @property
    def kind(self) -> str:
        """The class in words: `log_softmax` for LogSoftmax."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def is_connected(self) -> bool:
        """Whether the operands are known; a leaf has none and needs none."""
        return self._operands is not None

    @property
    def operands(self) -> tuple[Operation, ...]:
        """The nodes this one depends on, left to right; one used twice stands here twice."""
        return self._operands or ()

    @property
    def value(self) -> Array:
        """What the last forward sweep computed here. Raises: NotRunError before the first one."""
        return _computed(self._value, self, "value", "forward")

    @property
    def grad(self) -> Array:
        """The derivative of the graph's output with respect to this node's value, all paths added.

        Raises: NotRunError when no backward sweep has followed the last forward sweep.
        """
        return _computed(self._grad, self, "gradient", "backward")

    @property
    def grads(self) -> tuple[Array, ...]:
        """What this operation passes back along the arc to each operand.

        An operand that is used once has exactly this as its `grad`; where it is used several times, its
        `grad` is the sum over its uses.

        Raises: NotRunError when no backward sweep has followed the last forward sweep.
        """
        return _computed(self._grads, self, "gradient", "backward")

    def connect(self, *operands: Operand) -> None:
        """Make `operands`, nodes or plain numbers and arrays, what this operation is applied to.

        Raises: WiringError when their number is wrong, or when the operation is connected already.
        """
        from reference_impl.graph.leaves import Constant  # a Constant is an Operation

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
        """Connect to `operands`; inside a DynamicGraph, compute at once and be recorded as well."""
        self.connect(*operands)
        if recorders := ACTIVE_RECORDERS.get():
            self.evaluate(*[operand.value for operand in self.operands])
            for recorder in recorders:
                recorder.record(self)
        return self

    @np.errstate(all="ignore")  # infinity and NaN are results here, not accidents
    def evaluate(self, *operand_values: Array) -> None:
        """Compute the value, keep it and what it was computed from, and forget older gradients.

        Raises: OperandError naming this node and the shapes that it cannot combine.
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
        """Keep what a backward sweep found here."""
        self._grad, self._grads = grad, grads

    def forget_gradients(self) -> None:
        """Return to the state before a backward sweep."""
        self._grad = self._grads = None

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
