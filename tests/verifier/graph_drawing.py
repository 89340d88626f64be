"""One graph for every operation, on seeded numbers of several shapes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator], Any]


def normal(*shape: int) -> Draw:
    return lambda rng: rng.normal(size=shape)


def positive(*shape: int) -> Draw:
    return lambda rng: rng.uniform(0.3, 3.0, size=shape)


def apart_from_zero(*shape: int) -> Draw:
    return lambda rng: rng.uniform(0.4, 2.0, size=shape) * rng.choice([-1.0, 1.0], size=shape)


def one(
    op: str, *operands: Draw, data: Mapping[int, Any] | None = None, **options: Any
) -> Callable[[int], dict[str, Any]]:
    """Make a document of one node, weighed entry by entry and summed; its operands are parameters."""

    def document(seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        arrays = [draw(rng) for draw in operands]
        names = [f"p{place}" for place in range(len(arrays))]
        parameters = dict(zip(names, arrays, strict=True))
        inputs = {}
        for place, values in (data or {}).items():
            names.insert(place, f"d{place}")
            inputs[f"d{place}"] = values
        nodes = [{"name": "z", "op": op, "args": names, **options}]
        nodes += [
            {"name": "s", "op": "sum", "args": ["z"]},
            {"name": "t", "op": "tanh", "args": ["z"]},
            {"name": "u", "op": "mean", "args": ["t"]},
            {"name": "R", "op": "add", "args": ["s", "u"]},
        ]
        return {
            "network": {"inputs": list(inputs), "nodes": nodes, "output": "R"},
            "inputs": inputs,
            "parameters": parameters,
            "gradients": {"nodes.z": None},
        }

    return document


ACTIVATED = (
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "softplus",
    "gelu",
    "silu",
    "softmax",
)

CASES: dict[str, Callable[[int], dict[str, Any]]] = {
    "add": one("add", normal(3, 4), normal(3, 4)),
    "add, a row to every row": one("add", normal(3, 4), normal(4)),
    "add, a column and a row": one("add", normal(3, 1), normal(1, 4)),
    "add, a number": one("add", normal(3, 4), normal()),
    "subtract, a stack": one("subtract", normal(4), normal(2, 3, 1)),
    "multiply": one("multiply", normal(2, 3), normal(2, 3)),
    "multiply, a column": one("multiply", normal(2, 3), normal(2, 1)),
    "divide": one("divide", normal(2, 3), apart_from_zero(2, 3)),
    "divide, a row": one("divide", normal(2, 3), apart_from_zero(3)),
    "divide, by a column": one("divide", normal(3), apart_from_zero(2, 1)),
    "negate": one("negate", normal(2, 3)),
    "power 2": one("power", normal(2, 3), exponent=2),
    "power 3": one("power", normal(2, 3), exponent=3),
    "power −1": one("power", apart_from_zero(2, 3), exponent=-1),
    "power 1/2": one("power", positive(2, 3), exponent=0.5),
    "power 0": one("power", normal(2, 3), exponent=0),
    "exp": one("exp", normal(2, 3)),
    "log": one("log", positive(2, 3)),
    "sqrt": one("sqrt", positive(2, 3)),
    "absolute": one("absolute", apart_from_zero(2, 3)),
    "matmul": one("matmul", normal(3, 4), normal(4, 2)),
    "matmul, a vector on the left": one("matmul", normal(4), normal(4, 2)),
    "matmul, a vector on the right": one("matmul", normal(3, 4), normal(4)),
    "matmul, two vectors": one("matmul", normal(4), normal(4)),
    "matmul, stacks": one("matmul", normal(2, 3, 4), normal(2, 4, 2)),
    "matmul, a stack and a matrix": one("matmul", normal(2, 3, 4), normal(4, 2)),
    "matmul, stacks that broadcast": one("matmul", normal(2, 1, 3, 4), normal(3, 4, 2)),
    "matmul, a stack and a vector": one("matmul", normal(2, 3, 4), normal(4)),
    "matmul, a vector and a stack": one("matmul", normal(4), normal(2, 4, 3)),
    "transpose": one("transpose", normal(2, 3)),
    "transpose, three axes": one("transpose", normal(2, 3, 4), axes=[1, 2, 0]),
    "reshape": one("reshape", normal(2, 6), shape=[3, -1]),
    "concatenate": one("concatenate", normal(2, 3), normal(1, 3), normal(2, 3)),
    "concatenate, columns": one("concatenate", normal(2, 3), normal(2, 1), axis=1),
    "slice": one("slice", normal(4, 5), index=[[1, 4, 2], 3]),
    "slice, a row": one("slice", normal(4, 5), index=-1),
    "slice, columns": one("slice", normal(4, 5), index=[None, [None, 2]]),
    "sum": one("sum", normal(2, 3)),
    "sum, rows": one("sum", normal(2, 3, 4), axis=[0, 2]),
    "mean": one("mean", normal(2, 3)),
    "mean, columns kept": one("mean", normal(2, 3), axis=1, keepdims=True),
    "max": one("max", normal(2, 3)),
    "max, columns": one("max", normal(3, 4), axis=1),
    "max, two axes kept": one("max", normal(2, 3, 4), axis=[0, 2], keepdims=True),
    **{name: one(name, apart_from_zero(3, 4)) for name in ACTIVATED},
    "leaky_relu, steeper": one("leaky_relu", apart_from_zero(3, 4), slope=0.3),
    "elu, alpha": one("elu", apart_from_zero(3, 4), alpha=0.7),
    "log_softmax": one("log_softmax", normal(3, 4)),
    "log_softmax, a vector": one("log_softmax", normal(5)),
    "embedding": one("embedding", normal(5, 3), data={1: [4, 0, 4, 4]}),
    "embedding, a matrix of words": one("embedding", normal(5, 2), data={1: [[1, 2], [2, 2]]}),
    "mse": one("mse", normal(3, 2), normal(3, 2)),
    "mse, fields": one("mse", normal(3, 2), normal(3, 2), factor=1, batch="sum", outputs="mean"),
    "mse, flat": one("mse", normal(3), normal(3)),
    "cross_entropy, classes": one("cross_entropy", normal(3, 4), data={1: [3, 0, 1]}),
    "cross_entropy, rows": one(
        "cross_entropy", normal(2, 2), data={1: [[0.3, 0.7], [1.0, 0.0]]}, batch="sum"
    ),
    "cross_entropy on probabilities": one(
        "cross_entropy", positive(2, 3), data={1: [2, 1]}, on="probabilities"
    ),
    "binary_cross_entropy": one(
        "binary_cross_entropy", normal(3, 2), data={1: [[1, 0], [0, 1], [0.5, 1]]}, outputs="mean"
    ),
    "binary_cross_entropy, flat": one("binary_cross_entropy", normal(3), data={1: [1, 0, 1]}),
    "binary_cross_entropy on probabilities": one(
        "binary_cross_entropy",
        lambda rng: rng.uniform(0.1, 0.9, size=(2, 2)),
        data={1: [[1, 0], [0, 1]]},
        on="probabilities",
    ),
}  # fmt: skip
