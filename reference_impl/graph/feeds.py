"""Match the values that a caller gives, by name or by node, with the leaves of a graph."""

from collections.abc import Iterable, Mapping

import numpy.typing as npt

from reference_impl.graph.arrays import Array, as_array
from reference_impl.graph.errors import FeedError, OperandError
from reference_impl.graph.leaves import Input, Parameter
from reference_impl.graph.operation import Operation

Feeds = (
    Mapping[str | Operation, npt.ArrayLike] | Mapping[str, npt.ArrayLike] | Mapping[Operation, npt.ArrayLike]
)
"""Values by the name of an input or parameter, or by the node itself."""


def match_feeds(nodes: Iterable[Operation], feeds: Feeds, *, required: bool = True) -> dict[Operation, Array]:
    """Return the value fed to each leaf.

    Raises: FeedError naming every feed that is no input or parameter, given twice or no array of numbers,
    and every input that is not fed, if each is `required` to be.
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
