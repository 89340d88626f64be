"""Graphs drawn by a seeded generator, with numbers in general position: the same graph for the same seed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from verifier.graphs.drawing.forms import FORMS
from verifier.graphs.drawing.growing import Growth
from verifier.graphs.operations import OPERATIONS

_TRIES_A_NODE = 4  # some steps make no node


def seeded_graph(seed: int, most: int, operations: Sequence[str] = tuple(FORMS)) -> dict[str, Any]:
    """Give a document without gradients, of up to so many nodes, most of them about as many as that."""
    rng = np.random.default_rng(seed)
    while True:
        growth = Growth(
            lambda count: int(rng.integers(count)), lambda shape, domain: domain.drawn(rng, shape), most
        )
        for _ in range(_TRIES_A_NODE * most):
            if growth.has_room:
                growth.take(OPERATIONS[str(rng.choice(operations))])
        document = growth.document()
        if document is not None:
            return document
