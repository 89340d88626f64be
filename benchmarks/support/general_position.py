"""Draw random problems in general position for the benchmark of the diagnosis."""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.support.buggy_students import Requirements
from benchmarks.support.buggy_students.mistake import NO_REQUIREMENTS
from benchmarks.support.random_problems import LOSSES_ON, PROBABILITIES
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

HIDDEN = ("identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu", "silu")
DEPTHS = (1, 2, 3, 4)
EXAMPLES = (1, 4, 16, 64)


@dataclass(frozen=True)
class Configuration:
    """Combination of settings of a measurement."""

    hidden: str
    loss: str
    on: str
    depth: int
    examples: int


CONFIGURATIONS = tuple(
    Configuration(hidden, loss, on, depth, examples)
    for hidden in HIDDEN
    for loss, on in LOSSES_ON
    for depth in DEPTHS
    for examples in EXAMPLES
)


def draw(
    rng: np.random.Generator,
    cell: Configuration,
    requirements: Requirements = NO_REQUIREMENTS,
    widths: tuple[int, int] = (3, 8),
) -> Problem:
    """Draw a problem with these settings.

    Widths are within `widths`, inputs are standard normal, and weights are normal with scale 1 / sqrt(in).
    """
    sizes = _sizes(rng, cell, requirements, widths)
    network = _network(rng, cell, requirements, sizes)
    parameters = tuple(
        LayerParameters(
            rng.normal(
                scale=rng.uniform(0.8, 1.6) / np.sqrt(layer.inputs), size=(layer.inputs, layer.outputs)
            ),
            rng.normal(scale=0.5, size=layer.outputs) if layer.bias else None,
        )
        for layer in network.layers
    )
    if requirements.large_weights:
        large_layer = int(rng.integers(cell.depth))
        parameters = tuple(
            replace(layer_parameters, weight=layer_parameters.weight * 2e4)
            if index == large_layer
            else layer_parameters
            for index, layer_parameters in enumerate(parameters)
        )
    batch = Batch(
        rng.normal(size=(cell.examples, sizes[0])),
        _targets(rng, cell, network.layers[-1].activation.name, sizes[-1]),
        _masks(rng, cell, requirements, sizes),
    )
    if requirements.any_target_sum:
        batch = replace(batch, targets=batch.targets * rng.uniform(0.5, 2.0, size=(cell.examples, 1)))
    return Problem(network, parameters, batch, _risk(rng, cell, requirements))


def _sizes(
    rng: np.random.Generator, cell: Configuration, requirements: Requirements, widths: tuple[int, int]
) -> list[int]:
    low, high = widths
    sizes = [int(size) for size in rng.integers(low, high + 1, size=cell.depth + 1)]
    sizes[-1] = int(rng.integers(max(requirements.outputs_from, 1 if rng.random() < 0.15 else 2), 6))
    if requirements.equal_widths or rng.random() < 0.25:
        outputs = sizes[-1]
        sizes = [sizes[0]] * (cell.depth + 1)
        if cell.depth > 2 and rng.random() < 0.5:
            sizes[-1] = outputs
    return sizes


def _network(
    rng: np.random.Generator, cell: Configuration, requirements: Requirements, sizes: list[int]
) -> Network:
    names = [cell.hidden] * cell.depth
    if rng.random() < 0.2:
        names = [str(name) for name in rng.choice(HIDDEN, size=cell.depth)]
    names[-1] = _output(rng, cell, requirements)
    bias = bool(rng.random() < 0.8) if requirements.bias is None else requirements.bias
    return Network(
        tuple(
            Layer(n_in, n_out, activation(name), bias)
            for n_in, n_out, name in zip(sizes, sizes[1:], names, strict=False)
        )
    )


def _output(rng: np.random.Generator, cell: Configuration, requirements: Requirements) -> str:
    if cell.on == "probabilities":
        return PROBABILITIES[cell.loss]
    if cell.on == "logits":
        return "identity" if rng.random() < 0.8 else cell.hidden
    if requirements.output is not None:
        return requirements.output
    return str(
        rng.choice(["identity", "identity", "identity", cell.hidden, cell.hidden, "sigmoid", "softmax"])
    )


def _targets(rng: np.random.Generator, cell: Configuration, output: str, count: int) -> np.ndarray:
    if cell.loss == "cross_entropy" or (cell.loss == "mse" and output == "softmax"):
        if rng.random() < 0.25:
            return rng.dirichlet(np.ones(count), size=cell.examples)
        return np.eye(count)[rng.integers(count, size=cell.examples)]
    if cell.loss == "binary_cross_entropy" or output == "sigmoid":
        if rng.random() < 0.25:
            return rng.uniform(size=(cell.examples, count))
        return rng.integers(2, size=(cell.examples, count)).astype(float)
    return rng.normal(size=(cell.examples, count))


def _masks(
    rng: np.random.Generator, cell: Configuration, requirements: Requirements, sizes: list[int]
) -> dict[int, np.ndarray]:
    if cell.depth == 1 or not (requirements.masks or rng.random() < 0.08):
        return {}
    masked_layer = int(rng.integers(cell.depth - 1))
    keep = float(rng.choice([0.5, 0.8]))
    return {masked_layer: (rng.random((cell.examples, sizes[masked_layer + 1])) < keep) / keep}


def _risk(rng: np.random.Generator, cell: Configuration, requirements: Requirements) -> Risk:
    loss = LOSSES[cell.loss]
    penalties: tuple[Penalty, ...] = ()
    if requirements.penalty or rng.random() < 0.2:
        norms = ["l2", "l1"] if rng.random() < 0.15 else [str(rng.choice(["l2", "l2", "l1"]))]
        biases = (
            bool(rng.random() < 0.4)
            if requirements.penalty_on_biases is None
            else requirements.penalty_on_biases
        )
        batch = str(rng.choice(["none", "mean"]))
        penalties = tuple(
            Penalty(norm, float(rng.choice([0.1, 0.03])), float(rng.choice([0.5, 1.0])), batch, biases)
            for norm in norms
        )
    factor = loss.default_factor if rng.random() < 0.8 else float(rng.choice([1.0, 0.5]))
    outputs = str(rng.choice(["sum", "mean"])) if loss.reduces_outputs else "sum"
    batch = str(rng.choice(["mean", "mean", "sum"]))
    return Risk(loss, factor * requirements.factor, batch, outputs, cell.on, penalties)
