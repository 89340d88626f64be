"""Draw a random graph from a seed, with values in general position."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from verifier.graphs.drawing.forms import FORMS
from verifier.graphs.drawing.growing import Growth
from verifier.graphs.operations import OPERATIONS

_TRIES_PER_NODE = 4  # some steps add no node


def seeded_graph(seed: int, most: int, operations: Sequence[str] = tuple(FORMS)) -> dict[str, Any]:
    """Return a graph's document without gradients.

    most: bound on the number of nodes. Most graphs have nearly as many nodes.
    """
    rng = np.random.default_rng(seed)
    while True:
        growth = Growth(
            lambda count: int(rng.integers(count)), lambda shape, domain: domain.drawn(rng, shape), most
        )
        for _ in range(_TRIES_PER_NODE * most):
            if growth.has_room:
                growth.take(OPERATIONS[str(rng.choice(operations))])
        document = growth.document()
        if document is not None:
            return document
