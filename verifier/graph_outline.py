"""Outlines of graphs, without most of their numbers, for drawings."""

from dataclasses import dataclass

from verifier.graphs.problem import plain

PARAMETER, GIVEN, DATA = "parameter", "input", "data"  # in place of an operation, for leaves


@dataclass(frozen=True, slots=True)
class NodeOutline:
    """A node or a leaf, with the name of its gradient (`W`, `inputs.x`, `nodes.h`).

    operation: its name, or the kind of a leaf; `data` is an input that is not differentiated.
    operands: names and numbers, in order. options: of the operation, as text.
    value, gradient: of small arrays, flat, to four digits; the gradient is the submitted one.
    continues: a node outside of the outline uses it.
    """

    name: str
    operation: str
    shape: tuple[int, ...]
    operands: tuple[str | float, ...] = ()
    options: str = ""
    value: tuple[float, ...] | None = None
    gradient: tuple[float, ...] | None = None
    continues: bool = False

    @property
    def plain(self) -> str:
        """The name within the graph."""
        return plain(self.name)

    @property
    def computed(self) -> bool:
        """True for nodes, False for leaves."""
        return self.operation not in (PARAMETER, GIVEN, DATA)


@dataclass(frozen=True, slots=True)
class GraphOutline:
    """The outline of a graph.

    nodes: all nodes, or those around the first wrong gradient of a large graph, in topological order.
    first_wrong: wrong gradients for which all submitted gradients between them and the output are correct.
    count: the number of operations in the whole graph.
    """

    nodes: tuple[NodeOutline, ...]
    output: str
    first_wrong: tuple[str, ...] = ()
    count: int = 0

    @property
    def whole(self) -> bool:
        """True if the outline has all operations of the graph."""
        return sum(node.computed for node in self.nodes) == self.count
