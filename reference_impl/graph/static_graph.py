"""Define, then run: the graph exists before any number does, and runs as often as there are numbers."""

from collections.abc import Iterable

from reference_impl.graph.arrays import Array
from reference_impl.graph.errors import NotRunError, WiringError, listed
from reference_impl.graph.feeds import Feeds, match_feeds
from reference_impl.graph.leaves import Leaf
from reference_impl.graph.naming import NameTable
from reference_impl.graph.operation import Operation
from reference_impl.graph.order import reachable, topological_order
from reference_impl.graph.reverse_mode import backpropagate


class StaticGraph:
    """Everything that the given nodes depend on, in an order in which it can be computed.

    The first node is *the* output; `inputs` may name leaves that no output depends on. Values and
    gradients live in the nodes, so of two graphs that share nodes only the one run last can go backward.

    Raises: WiringError naming every operation that was never connected; CycleError; DuplicateNameError.
    """

    def __init__(self, output: Operation, *more_outputs: Operation, inputs: Iterable[Leaf] = ()) -> None:
        roots = (output, *more_outputs, *inputs)
        nodes = reachable(roots)
        self._names = NameTable(nodes)  # before the order, so that a cycle can be told by names
        if unconnected := [node.name for node in nodes if not node.is_connected]:
            raise WiringError(f"{listed(unconnected)}: no operands; call or connect every operation")
        self.output = output
        self.order: tuple[Operation, ...] = tuple(topological_order(roots))
        self._values: dict[Operation, Array] = {}
        self._gradients: dict[Operation, Array] = {}

    def forward(self, feeds: Feeds | None = None) -> Array:
        """Compute every node from the values fed to the inputs, and return the output's value.

        A parameter that is fed keeps its new value. Every earlier gradient is forgotten.

        Raises: FeedError naming all feeds that are missing or unknown; OperandError when shapes do not fit.
        """
        matched = match_feeds(self.order, feeds or {})
        self._values, self._gradients = {}, {}
        for node in self.order:
            if node in matched:
                node.evaluate(matched[node])
            elif isinstance(node, Leaf):
                node.forget_gradients()
            else:
                node.evaluate(*[operand.value for operand in node.operands])
        self._values = {node: node.value for node in self.order}
        return self.output.value

    def backward(self, output: str | Operation | None = None) -> None:
        """Differentiate one output (the first, if none is named) with respect to every node.

        Raises: NotRunError unless the last thing that happened to these nodes is this graph's forward;
        NotScalarError unless the output is one number; UnknownNodeError.
        """
        differentiated = self.output if output is None else self.node(output)
        if not self._values:
            raise NotRunError(f"nothing has been computed for {differentiated} yet: run forward first")
        changed = [node.name for node, value in self._values.items() if node.value is not value]
        if changed:
            raise NotRunError(
                f"{listed(changed)} changed after this graph's forward, by assignment or another graph: "
                "run forward again"
            )
        self._gradients = backpropagate(self.order, differentiated)

    def gradient(self, node: str | Operation) -> Array:
        """Return the derivative of the output with respect to a node, zeros if it does not depend on it.

        Raises: NotRunError before backward; UnknownNodeError.
        """
        found = self.node(node)
        if found not in self._gradients:
            raise NotRunError(f"{found} has no gradient yet: run forward, then backward")
        return self._gradients[found]

    def node(self, key: str | Operation) -> Operation:
        """Return the node of that name. Raises: UnknownNodeError."""
        return self._names.find(key)
