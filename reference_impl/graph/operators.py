"""Let nodes be written into formulas: `+ - * / ** @` and the unary minus.

The operations are imported where they are used, because each of them is itself an Operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from reference_impl.graph.operation import Operand, Operation


class ArithmeticOperators:
    """Make the operation that a sign stands for, connected to the node and whatever stands beside it."""

    def __add__(self, other: Operand) -> Operation:
        from reference_impl.graph.arithmetic import Add

        return Add()(_node(self), other)

    def __radd__(self, other: Operand) -> Operation:
        from reference_impl.graph.arithmetic import Add

        return Add()(other, _node(self))

    def __sub__(self, other: Operand) -> Operation:
        from reference_impl.graph.arithmetic import Subtract

        return Subtract()(_node(self), other)

    def __rsub__(self, other: Operand) -> Operation:
        from reference_impl.graph.arithmetic import Subtract

        return Subtract()(other, _node(self))

    def __mul__(self, other: Operand) -> Operation:
        from reference_impl.graph.arithmetic import Multiply

        return Multiply()(_node(self), other)

    def __rmul__(self, other: Operand) -> Operation:
        from reference_impl.graph.arithmetic import Multiply

        return Multiply()(other, _node(self))

    def __truediv__(self, other: Operand) -> Operation:
        from reference_impl.graph.arithmetic import Divide

        return Divide()(_node(self), other)

    def __rtruediv__(self, other: Operand) -> Operation:
        from reference_impl.graph.arithmetic import Divide

        return Divide()(other, _node(self))

    def __matmul__(self, other: Operand) -> Operation:
        from reference_impl.graph.matrix import MatMul

        return MatMul()(_node(self), other)

    def __rmatmul__(self, other: Operand) -> Operation:
        from reference_impl.graph.matrix import MatMul

        return MatMul()(other, _node(self))

    def __neg__(self) -> Operation:
        from reference_impl.graph.arithmetic import Negate

        return Negate()(_node(self))

    def __pow__(self, exponent: float) -> Operation:
        from reference_impl.graph.arithmetic import Power

        return Power(exponent)(_node(self))


def _node(operators: ArithmeticOperators) -> Operation:
    """Say what only Operation knows: that it is the one class with these operators."""
    return cast("Operation", operators)
