"""Batches, and what an imported document's network puts out."""

from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.network import forward
from verifier.documents.reading import read_question

INPUTS, EXAMPLES = 4, 5


def batch(outputs: int, seed: int = 3) -> tuple[Array, Array]:
    """Return inputs of EXAMPLES examples and real targets."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(EXAMPLES, INPUTS)), rng.normal(size=(EXAMPLES, outputs))


def classes(outputs: int) -> Array:
    return np.arange(EXAMPLES) % outputs


def outputs_of(document: dict[str, Any]) -> Array:
    """Run the document's network on its inputs, by the reference alone."""
    problem = read_question(document).problem
    return forward(problem.network, problem.parameters, problem.batch).outputs
