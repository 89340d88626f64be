"""A graph as a problem: named inputs and parameters, nodes in order, and a scalar output."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from reference_impl.array import Array
from verifier.graphs.operation import Node
from verifier.graphs.shapes import Shape

INPUT, NODE = "inputs.", "nodes."


@dataclass(frozen=True, eq=False)
class GraphProblem:
    """The derivative of `output` with respect to each of `asked`.

    inputs, parameters: values by name. constants: numbers that are operands, by name.
    nodes: every node comes after its operands. All names are distinct.
    asked: names of gradients: a parameter's own name, `inputs.x`, `nodes.h`.
    """

    inputs: Mapping[str, Array]
    parameters: Mapping[str, Array]
    constants: Mapping[str, Array]
    nodes: tuple[Node, ...]
    output: str
    asked: tuple[str, ...]

    def leaves(self) -> Iterator[tuple[str, Array]]:
        """Yield the names and values of inputs, parameters and constants."""
        yield from self.inputs.items()
        yield from self.parameters.items()
        yield from self.constants.items()

    def shapes(self) -> Mapping[str, Shape]:
        """Return every shape, by plain name."""
        return self._shapes

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        shapes = {name: tuple(values.shape) for name, values in self.leaves()}
        return shapes | {node.name: node.shape for node in self.nodes}

    @cached_property
    def upstream_of_output(self) -> tuple[Node, ...]:
        """Return the nodes that the output depends on, itself included, in order."""
        needed = {self.output}
        upstream = []
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.operands)
                upstream.append(node)
        return tuple(reversed(upstream))

    def asking(self, asked: tuple[str, ...]) -> "GraphProblem":
        """Return the same graph with other gradients in `asked`."""
        return replace(self, asked=asked)


def plain(key: str) -> str:
    """Return the name within the graph for the name of a gradient."""
    return key.removeprefix(INPUT).removeprefix(NODE)


def downstream(problem: GraphProblem, names: Iterable[str]) -> tuple[Node, ...]:
    """Return the nodes between some names and the output, in order."""
    reached = set(names)
    nodes = []
    for node in problem.upstream_of_output:
        if not reached.isdisjoint(node.operands):
            reached.add(node.name)
            nodes.append(node)
    return tuple(nodes)
