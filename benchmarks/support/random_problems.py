"""Draw random problems with all options of a submission."""

import numpy as np

from benchmarks.support.students import FORMULAS
from reference_impl import (
    LOSSES,
    Batch,
    Layer,
    LayerParameters,
    Network,
    Penalty,
    Problem,
    Risk,
    activation,
)

LOSSES_ON = (
    ("mse", "values"),
    ("cross_entropy", "logits"),
    ("cross_entropy", "probabilities"),
    ("binary_cross_entropy", "logits"),
    ("binary_cross_entropy", "probabilities"),
)
HIDDEN = [*FORMULAS, "softmax"]  # those that the students of benchmarks/support/students.py can compute
PROBABILITIES = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


def draw(rng: np.random.Generator, *, widest: int = 64, most: int = 64, deepest: int = 5) -> Problem:
    """Draw activations, loss, reductions, penalties, depth, widths, number of examples and weight scale.

    widest, most, deepest: bounds on the widths, the number of examples and the depth.
    """
    depth = int(rng.integers(1, deepest + 1))
    sizes = [int(np.exp(rng.uniform(0, np.log(widest + 0.99)))) for _ in range(depth + 1)]
    examples = int(np.exp(rng.uniform(0, np.log(most + 0.99))))
    hidden = str(rng.choice(HIDDEN))
    loss, on = LOSSES_ON[rng.integers(len(LOSSES_ON))]
    if loss == "cross_entropy":
        sizes[-1] = max(2, sizes[-1])  # a softmax of one output is constant: no gradient
    output = PROBABILITIES[loss] if on == "probabilities" else str(rng.choice(["identity", hidden]))
    gain = float(rng.choice([0.5, 1.0, 2.0]))
    bias = bool(rng.random() < 0.8)
    layers = tuple(
        Layer(sizes[i], sizes[i + 1], activation(output if i == depth - 1 else hidden), bias)
        for i in range(depth)
    )
    parameters = tuple(
        LayerParameters(
            rng.normal(scale=gain / np.sqrt(layer.inputs), size=(layer.inputs, layer.outputs)),
            rng.normal(scale=0.3, size=layer.outputs) if bias else None,
        )
        for layer in layers
    )
    row = LOSSES[loss]
    targets = rng.normal(size=(examples, sizes[-1]))
    if row.class_targets:
        targets = np.eye(sizes[-1])[rng.integers(sizes[-1], size=examples)]
    elif loss == "binary_cross_entropy":
        targets = rng.integers(2, size=(examples, sizes[-1])).astype(float)
    penalties = ()
    if rng.random() < 0.2:
        norm = str(rng.choice(["l2", "l1"]))
        penalties = (Penalty(norm, 0.1, 0.5, str(rng.choice(["none", "mean"]))),)
    outputs = str(rng.choice(["sum", "mean"])) if row.reduces_outputs else "sum"
    risk = Risk(row, row.default_factor, str(rng.choice(["mean", "sum"])), outputs, on, penalties)
    return Problem(Network(layers), parameters, Batch(rng.normal(size=(examples, sizes[0])), targets), risk)
