"""What is known of a graph without most of its numbers; a drawing needs no more."""

from dataclasses import dataclass

from verifier.graphs.problem import plain

PARAMETER, GIVEN, DATA = "parameter", "input", "data"  # stand where an operation would, of what is given


@dataclass(frozen=True, slots=True)
class NodeOutline:
    """What an operation makes, or what is given; named as its gradient is (`W`, `inputs.x`, `nodes.h`).

    operation: `data` for an input that is read and not differentiated. operands: names in order, and numbers
    that stand among them. options: the operation's, in words. value, gradient: of small arrays, flat, to four
    digits; the gradient as it was handed in. continues: whether a node uses it that the outline leaves out.
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
        return self.operation not in (PARAMETER, GIVEN, DATA)


@dataclass(frozen=True, slots=True)
class GraphOutline:
    """nodes: all, or of a large graph those around where it is first wrong; each after what it is made of.

    first_wrong: gradients that are wrong although all that were handed in behind them are right. count: how
    many operations the whole graph has.
    """

    nodes: tuple[NodeOutline, ...]
    output: str
    first_wrong: tuple[str, ...] = ()
    count: int = 0

    @property
    def whole(self) -> bool:
        return sum(node.computed for node in self.nodes) == self.count
