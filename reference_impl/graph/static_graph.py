"""The static graph (define, then run): built once without values, and run for any number of inputs."""

from collections.abc import Iterable, Mapping

import numpy.typing as npt

from reference_impl.graph.arrays import Array, as_array
from reference_impl.graph.errors import FeedError, NotRunError, OperandError, WiringError, listed
from reference_impl.graph.naming import NameTable
from reference_impl.graph.operations import Input, Leaf, Operation, Parameter
from reference_impl.graph.order import reachable, topological_order
from reference_impl.graph.reverse_mode import backpropagate

Feeds = (
    Mapping[str | Operation, npt.ArrayLike] | Mapping[str, npt.ArrayLike] | Mapping[Operation, npt.ArrayLike]
)
"""Values by the name of an input or parameter, or by the node itself."""


def match_feeds(nodes: Iterable[Operation], feeds: Feeds, *, required: bool = True) -> dict[Operation, Array]:
    """Return the value fed to each leaf.

    required: True if every input must be fed.

    Raises FeedError with every feed that is not an input or parameter, is given twice or is not an array of
    numbers, and with every input that is missing.
    """
    leaves = [node for node in nodes if isinstance(node, Input | Parameter)]
    inputs = [leaf for leaf in leaves if isinstance(leaf, Input)]
    by_key: dict[str | Operation, Operation] = {leaf.name: leaf for leaf in leaves}
    by_key.update((leaf, leaf) for leaf in leaves)
    mentioned: set[Operation] = set()
    matched: dict[Operation, Array] = {}
    faults: list[str] = []
    for key, value in feeds.items():
        leaf = by_key.get(key)
        if leaf is None:
            faults.append(f"{str(key)!r} is no input or parameter of this graph")
        elif leaf in mentioned:
            faults.append(f"{str(key)!r} is given twice, by name and by node")
        else:
            mentioned.add(leaf)
            try:
                matched[leaf] = as_array(value)
            except OperandError as error:
                faults.append(f"{str(key)!r}: {error}")
    if required:
        faults += [f"{leaf.name!r} is missing" for leaf in inputs if leaf not in mentioned]
    if faults:
        expected = ", ".join(repr(leaf.name) for leaf in inputs) or "none"
        raise FeedError(f"{'; '.join(faults)}. Feed every input once (here: {expected}), parameters at will")
    return matched


class StaticGraph:
    """All nodes that some outputs depend on, in an order in which they can be computed.

    The first output is *the* output; `inputs` may add leaves that no output depends on. Values and
    gradients are stored in the nodes, so of two graphs that share nodes only the one run last can go
    backward.

    Raises WiringError with every operation that was never connected, CycleError and DuplicateNameError.
    """

    def __init__(self, output: Operation, *more_outputs: Operation, inputs: Iterable[Leaf] = ()) -> None:
        roots = (output, *more_outputs, *inputs)
        nodes = reachable(roots)
        self._names = NameTable(nodes)  # before the order, so that the message about a cycle has names
        if unconnected := [node.name for node in nodes if not node.is_connected]:
            raise WiringError(f"{listed(unconnected)}: no operands; call or connect every operation")
        self.output = output
        self.order: tuple[Operation, ...] = tuple(topological_order(roots))
        self._values: dict[Operation, Array] = {}
        self._gradients: dict[Operation, Array] = {}

    def forward(self, feeds: Feeds | None = None) -> Array:
        """Compute every node from the values fed to the inputs, and return the output's value.

        A parameter that is fed keeps its new value. Older gradients are deleted.

        Raises FeedError with all feeds that are missing or unknown, and OperandError if shapes do not fit.
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
        """Compute the derivative of one output (by default the first) with respect to every node.

        Raises NotRunError unless this graph's forward was the last change to the nodes, NotScalarError
        unless the output is one number, and UnknownNodeError.
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
        """Return the derivative of the output with respect to a node; zeros if it does not depend on it.

        Raises NotRunError before backward, and UnknownNodeError.
        """
        member = self.node(node)
        if member not in self._gradients:
            raise NotRunError(f"{member} has no gradient yet: run forward, then backward")
        return self._gradients[member]

    def node(self, key: str | Operation) -> Operation:
        """Return the node of that name. Raises UnknownNodeError."""
        return self._names.find(key)
