"""Submissions that take long, or much memory, and are written quickly."""

from itertools import pairwise
from typing import Any

import numpy as np


def network(sizes: list[int], examples: int) -> dict[str, Any]:
    """Return a submission of zeros, written quickly however large."""
    layers = [{"in": a, "out": b, "activation": "tanh"} for a, b in pairwise(sizes)]
    arrays = {}
    for index, (a, b) in enumerate(pairwise(sizes)):
        arrays |= {f"layers.{index}.weight": np.full((a, b), 0.01), f"layers.{index}.bias": np.zeros(b)}
    return {
        "network": {"layers": layers},
        "loss": "mse",
        "parameters": arrays,
        "inputs": np.full((examples, sizes[0]), 0.5),
        "targets": np.zeros((examples, sizes[-1])),
        "gradients": arrays,
    }
