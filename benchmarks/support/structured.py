"""Draw structured batches: repeated rows, few distinct values, data sorted by class.

Equal terms have equal rounding errors, so that sums over such batches have systematic errors. All kinds occur
in real training data: truth tables, one-hot words, binary pixels, data sorted by class.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise, product

import numpy as np

from benchmarks.support.students import ORDERS, numpy_student, torch_student
from reference_impl import LOSSES, Batch, Layer, LayerParameters, Network, Problem, Risk, activation

Array = np.ndarray
LARGEST_BATCH = 4096
_SMOOTH = ("tanh", "sigmoid", "softplus", "gelu", "silu", "elu")
_KINKED = ("relu", "leaky_relu")


def _truth_table(rng: np.random.Generator, examples: int, width: int) -> Array:
    rows = np.array(list(product((0.0, 1.0), repeat=min(width, 4))))
    return rows[np.arange(examples) % len(rows)]


def _one_repeated(rng: np.random.Generator, examples: int, width: int) -> Array:
    return np.repeat(rng.normal(size=(1, width)), examples, axis=0)


def _few_repeated(rng: np.random.Generator, examples: int, width: int) -> Array:
    return rng.normal(size=(int(rng.integers(2, 9)), width))[rng.integers(2, size=examples)]


def _nearly_equal(rng: np.random.Generator, examples: int, width: int) -> Array:
    spread = 10.0 ** rng.uniform(-8, -2)
    return rng.normal(size=(1, width)) * (1 + spread * rng.normal(size=(examples, width)))


def _constant_features(rng: np.random.Generator, examples: int, width: int) -> Array:
    rows = rng.normal(size=(examples, width))
    rows[:, : (width + 1) // 2] = rng.normal(size=(width + 1) // 2)
    return rows


def _one_hot(rng: np.random.Generator, examples: int, width: int) -> Array:
    return np.eye(width)[rng.integers(width, size=examples)]


def _binary(rng: np.random.Generator, examples: int, width: int) -> Array:
    return rng.integers(2, size=(examples, width)).astype(float)


def _pixels(rng: np.random.Generator, examples: int, width: int) -> Array:
    rows = rng.integers(256, size=(examples, width)) / 255
    return np.where(rng.random((examples, width)) < 0.7, 0.0, rows)


def _normal(rng: np.random.Generator, examples: int, width: int) -> Array:
    return rng.normal(size=(examples, width))


INPUTS: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    "truth table": _truth_table,
    "one example repeated": _one_repeated,
    "few examples repeated": _few_repeated,
    "nearly equal examples": _nearly_equal,
    "constant features": _constant_features,
    "one-hot": _one_hot,
    "binary": _binary,
    "pixels": _pixels,
    "normal": _normal,
}


def draw_structured(rng: np.random.Generator, kind: str) -> Problem:
    """Draw a network of 1 to 12 layers with a batch of this kind; half of the batches are sorted by class."""
    examples = int(np.exp(rng.uniform(np.log(4), np.log(LARGEST_BATCH + 0.99))))
    inputs = INPUTS[kind](rng, examples, int(rng.integers(1, 9)))
    depth = int(rng.choice([1, 2, 2, 3, 4, 12]))
    loss = str(rng.choice(["mse", "cross_entropy", "binary_cross_entropy"]))
    outputs = int(rng.integers(2 if loss == "cross_entropy" else 1, 6))  # a softmax of one output is constant
    sizes = [inputs.shape[1], *(int(rng.integers(1, 9)) for _ in range(depth - 1)), outputs]
    hidden = str(rng.choice(_SMOOTH if rng.random() < 0.8 else _KINKED))
    targets = _targets(rng, loss, examples, outputs)
    if rng.random() < 0.5:  # data sets are often stored sorted by class
        order = np.lexsort(targets.T[::-1])
        inputs, targets = inputs[order], targets[order]
    layers = tuple(
        Layer(a, b, activation("identity" if i == depth - 1 else hidden), True)
        for i, (a, b) in enumerate(pairwise(sizes))
    )
    gain = float(rng.choice([0.5, 1.0, 1.5]))
    # constant weights, as in some initialisations; with a softmax the gradients would be rounding errors
    constant = loss != "cross_entropy" and rng.random() < 0.1
    parameters = tuple(
        LayerParameters(
            np.full((layer.inputs, layer.outputs), gain / layer.inputs)
            if constant
            else rng.normal(scale=gain / np.sqrt(layer.inputs), size=(layer.inputs, layer.outputs)),
            np.zeros(layer.outputs) if rng.random() < 0.5 else rng.normal(scale=0.3, size=layer.outputs),
        )
        for layer in layers
    )
    row = LOSSES[loss]
    on = "values" if loss == "mse" else "logits"
    batch = str(rng.choice(["mean", "mean", "sum"]))
    return Problem(
        Network(layers),
        parameters,
        Batch(inputs, targets),
        Risk(row, row.default_factor, batch, "sum", on, ()),
    )


def _targets(rng: np.random.Generator, loss: str, examples: int, outputs: int) -> Array:
    if loss == "cross_entropy":
        return np.eye(outputs)[np.arange(examples) % outputs]  # balanced
    if loss == "binary_cross_entropy" or rng.random() < 0.5:
        return rng.integers(2, size=(examples, outputs)).astype(float)
    if rng.random() < 0.3:
        return np.repeat(rng.normal(size=(1, outputs)), examples, axis=0)
    return rng.normal(size=(examples, outputs))


def correct_gradients(
    problem: Problem, precision: str, rng: np.random.Generator
) -> Iterator[tuple[str, dict[str, Array]]]:
    """Yield (program, gradients) by numpy in every order of summation, and by PyTorch."""
    with np.errstate(all="ignore"):
        for order in ORDERS:
            scale_last = bool(rng.random() < 0.5)
            yield order, numpy_student(problem, precision, order, rng, scale_last=scale_last)
    yield "torch", torch_student(problem, precision)
