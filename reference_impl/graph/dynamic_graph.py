"""The dynamic graph (define by run): a record of a computation, whose branches and loops are Python's."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import Array, as_array
from reference_impl.graph.errors import NotRunError, WiringError
from reference_impl.graph.naming import NameTable
from reference_impl.graph.operations import ACTIVE_RECORDERS, Input, Operation, Recorder
from reference_impl.graph.order import topological_order
from reference_impl.graph.reverse_mode import backpropagate


class DynamicGraph:
    """The record of every operation called inside `with DynamicGraph() as graph:`, in this thread or task.

    Graphs nest: an operation is recorded by all graphs around it. An operation that was recorded elsewhere
    may be used again; all it depends on then joins this graph.
    """

    def __init__(self) -> None:
        self._nodes: dict[Operation, None] = {}
        self._names = NameTable()
        self._gradients: dict[Operation, Array] = {}
        self._token: Token[tuple[Recorder, ...]] | None = None

    def __enter__(self) -> DynamicGraph:
        if self._token is not None:
            raise WiringError("this graph is recording already: leave its block first, or make another graph")
        self._token = ACTIVE_RECORDERS.set((*ACTIVE_RECORDERS.get(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            ACTIVE_RECORDERS.reset(self._token)
            self._token = None

    @property
    def order(self) -> tuple[Operation, ...]:
        """The nodes in the order in which they were recorded, which is a topological order."""
        return tuple(self._nodes)

    def input(self, value: npt.ArrayLike, name: str | None = None) -> Input:
        """Return a new input with this value. Raises DuplicateNameError."""
        node = Input(name)
        node.evaluate(as_array(value))
        self.record(node)
        return node

    def record(self, operation: Operation) -> None:
        """Add an operation that has been computed, and all nodes it depends on.

        Raises DuplicateNameError.
        """
        new = topological_order([operation], operands_of=self._unrecorded_operands)
        self._names.add_all(new)
        self._nodes.update(dict.fromkeys(new))

    def backward(self, output: str | Operation) -> None:
        """Compute the derivative of `output` with respect to every node; older gradients are deleted.

        Raises NotScalarError unless `output` is one number, and UnknownNodeError if it was not recorded.
        """
        self._gradients = backpropagate(self.order, self.node(output))

    def gradient(self, node: str | Operation) -> Array:
        """Return the derivative of the output with respect to a node; zeros if it does not depend on it.

        The output does not depend on a node that was never recorded.

        Raises NotRunError before backward, and UnknownNodeError for an unknown name.
        """
        if isinstance(node, Operation) and node not in self._nodes:
            return np.zeros_like(node.value)
        member = self.node(node)
        if member not in self._gradients:
            raise NotRunError(f"{member} has no gradient yet: run backward after recording it")
        return self._gradients[member]

    def node(self, key: str | Operation) -> Operation:
        """Return the node of that name. Raises UnknownNodeError."""
        return self._names.find(key)

    def _unrecorded_operands(self, operation: Operation) -> list[Operation]:
        return [operand for operand in operation.operands if operand not in self._nodes]
