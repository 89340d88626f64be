"""Unique names for the nodes of one graph."""

from collections import Counter
from collections.abc import Iterable

from reference_impl.graph.errors import DuplicateNameError, UnknownNodeError, listed
from reference_impl.graph.operations import Operation


class NameTable:
    """The nodes of a graph by name. Nodes without a name are numbered by kind: `multiply_3`.

    A numbered node that joins a second graph keeps its number there unless that is taken.
    """

    def __init__(self, nodes: Iterable[Operation] = ()) -> None:
        self._nodes: dict[str, Operation] = {}
        self._members: set[Operation] = set()  # a second graph may rename a node that this one contains
        self._numbered: Counter[str] = Counter()
        self.add_all(nodes)

    def add_all(self, nodes: Iterable[Operation]) -> None:
        """Add nodes that are not in the table; the users' names go first, so that no number takes them.

        Raises DuplicateNameError with every name that several nodes have.
        """
        nodes = list(nodes)
        uses_of_names = Counter(node.name for node in nodes if node.is_named)
        duplicates = [name for name, uses in uses_of_names.items() if uses > 1 or name in self._nodes]
        if duplicates:
            raise DuplicateNameError(
                f"several nodes are called {', '.join(map(repr, duplicates))}, "
                "and a name belongs to one node: rename all but one"
            )
        for node in sorted(nodes, key=lambda node: not node.is_named):
            if not node.is_named and (node.name == node.kind or node.name in self._nodes):
                node.name = self._next_free_name(node.kind)
            self._nodes[node.name] = node
            self._members.add(node)

    def find(self, key: str | Operation) -> Operation:
        """Return the node of that name, or the node itself.

        Raises UnknownNodeError if the graph does not contain it.
        """
        if isinstance(key, Operation) and key in self._members:
            return key
        if isinstance(key, str) and key in self._nodes:
            return self._nodes[key]
        raise UnknownNodeError(
            f"{str(key)!r} is not a node of this graph: build the graph with it, "
            f"or ask for one of {listed(self._nodes)}"
        )

    def _next_free_name(self, kind: str) -> str:
        while True:
            self._numbered[kind] += 1
            name = f"{kind}_{self._numbered[kind]}"
            if name not in self._nodes:
                return name
