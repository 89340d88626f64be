"""A graph as a problem: named inputs, named parameters, nodes in order, one number at its end."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from reference_impl.array import Array
from verifier.graphs.operation import Node
from verifier.graphs.shapes import Shape

INPUT, NODE = "inputs.", "nodes."


@dataclass(frozen=True, eq=False)
class GraphProblem:
    """What is the derivative of `output` with respect to each of `asked`?

    inputs, parameters: values by name; `constants`: numbers that stand among operands.
    nodes: every node after all that it depends on. No two of all these share a name.
    asked: what a gradient is asked of, by the names of gradients: a parameter's own, `inputs.x`, `nodes.h`.
    """

    inputs: Mapping[str, Array]
    parameters: Mapping[str, Array]
    constants: Mapping[str, Array]
    nodes: tuple[Node, ...]
    output: str
    asked: tuple[str, ...]

    def leaves(self) -> Iterator[tuple[str, Array]]:
        """Give everything that is given, not computed."""
        yield from self.inputs.items()
        yield from self.parameters.items()
        yield from self.constants.items()

    def shapes(self) -> Mapping[str, Shape]:
        """Give every shape, by plain name."""
        return self._shapes

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        found = {name: tuple(values.shape) for name, values in self.leaves()}
        return found | {node.name: node.shape for node in self.nodes}

    @cached_property
    def upstream_of_output(self) -> tuple[Node, ...]:
        """The nodes that the output depends on, itself included, in order."""
        needed = {self.output}
        found = []
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.operands)
                found.append(node)
        return tuple(reversed(found))

    def asking(self, asked: tuple[str, ...]) -> "GraphProblem":
        return replace(self, asked=asked)


def plain(key: str) -> str:
    """Give the name within the graph of what a gradient is named after."""
    return key.removeprefix(INPUT).removeprefix(NODE)


def downstream(problem: GraphProblem, names: Iterable[str]) -> tuple[Node, ...]:
    """Give the nodes on the way from some names to the output, in order."""
    reached = set(names)
    found = []
    for node in problem.upstream_of_output:
        if not reached.isdisjoint(node.operands):
            reached.add(node.name)
            found.append(node)
    return tuple(found)
