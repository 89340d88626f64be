"""Record while running: the graph is the trace of a computation, branches and loops being Python's own."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType

import numpy as np
import numpy.typing as npt

from reference_impl.graph.arrays import Array, as_array
from reference_impl.graph.errors import NotRunError, WiringError
from reference_impl.graph.leaves import Input
from reference_impl.graph.naming import NameTable
from reference_impl.graph.operation import Operation
from reference_impl.graph.order import topological_order
from reference_impl.graph.recording import ACTIVE_RECORDERS, Recorder
from reference_impl.graph.reverse_mode import backpropagate


class DynamicGraph:
    """Record every operation that is called inside `with DynamicGraph() as graph:`, in this thread or task.

    Graphs nest: an operation is recorded by all the graphs around it. An operation recorded elsewhere may be
    used again; its own history then joins this graph.
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
        """The nodes as they were recorded, which is one topological order."""
        return tuple(self._nodes)

    def input(self, value: npt.ArrayLike, name: str | None = None) -> Input:
        """Make an input that has its value already. Raises: DuplicateNameError."""
        node = Input(name)
        node.evaluate(as_array(value))
        self.record(node)
        return node

    def record(self, operation: Operation) -> None:
        """Add an operation that has been computed, with whatever of its history is not here yet.

        Raises: DuplicateNameError.
        """
        new = topological_order([operation], operands_of=self._operands_not_here)
        self._names.add_all(new)
        self._nodes.update(dict.fromkeys(new))

    def backward(self, output: str | Operation) -> None:
        """Differentiate `output` with respect to every recorded node, forgetting older gradients.

        Raises: NotScalarError unless `output` is one number; UnknownNodeError when it was not recorded.
        """
        self._gradients = backpropagate(self.order, self.node(output))

    def gradient(self, node: str | Operation) -> Array:
        """Return the derivative of the output with respect to a node, zeros if it does not depend on it.

        A node that was never recorded is one that the output does not depend on.

        Raises: NotRunError before backward; UnknownNodeError for a name.
        """
        if isinstance(node, Operation) and node not in self._nodes:
            return np.zeros_like(node.value)
        found = self.node(node)
        if found not in self._gradients:
            raise NotRunError(f"{found} has no gradient yet: run backward after recording it")
        return self._gradients[found]

    def node(self, key: str | Operation) -> Operation:
        """Return the node of that name. Raises: UnknownNodeError."""
        return self._names.find(key)

    def _operands_not_here(self, operation: Operation) -> list[Operation]:
        return [operand for operand in operation.operands if operand not in self._nodes]
