"""Random problems for tests: short decimals from a seeded generator, to redo a failure by hand."""

from collections.abc import Iterable
from typing import Any

import numpy as np

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


def short_decimals(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
    return np.round(rng.normal(scale=scale, size=shape), 2)


def draw_problem(
    rng: np.random.Generator,
    *,
    activation_name: str = "tanh",
    output: str = "identity",
    loss: str = "mse",
    on: str | None = None,
    batch: str = "mean",
    outputs: str = "sum",
    depth: int = 2,
    examples: int = 4,
    widths: Iterable[int] | None = None,
    penalties: tuple[Penalty, ...] = (),
    bias: bool = True,
    masked: bool = False,
    scale: float = 1.0,
) -> Problem:
    sizes = list(widths) if widths is not None else [3, *(4 + i for i in range(depth - 1)), 2]
    names = [activation_name] * (len(sizes) - 2) + [output]
    layers = tuple(
        Layer(n_in, n_out, activation(name), bias)
        for n_in, n_out, name in zip(sizes, sizes[1:], names, strict=False)
    )
    parameters = tuple(
        LayerParameters(
            short_decimals(rng, layer.inputs, layer.outputs, scale=scale),
            short_decimals(rng, layer.outputs) if bias else None,
        )
        for layer in layers
    )
    row = LOSSES[loss]
    on = on or next(iter(row.on))
    targets = short_decimals(rng, examples, sizes[-1])
    if row.class_targets:
        targets = np.eye(sizes[-1])[rng.integers(sizes[-1], size=examples)]
    elif "logits" in row.on:
        targets = rng.integers(2, size=(examples, sizes[-1])).astype(float)
    masks = {}
    if masked:
        masks = {0: 2.0 * rng.integers(2, size=(examples, sizes[1])).astype(float)}
    return Problem(
        Network(layers),
        parameters,
        Batch(short_decimals(rng, examples, sizes[0]), targets, masks),
        Risk(row, row.default_factor, batch, outputs, on, penalties),
    )
