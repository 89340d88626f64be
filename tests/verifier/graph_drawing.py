"""One graph for every operation, on seeded numbers of several shapes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator], Any]


def normal(*shape: int) -> Draw:
    return lambda rng: rng.normal(size=shape)


def positive(*shape: int) -> Draw:
    return lambda rng: rng.uniform(0.3, 3.0, size=shape)


def nonzero(*shape: int) -> Draw:
    return lambda rng: rng.uniform(0.4, 2.0, size=shape) * rng.choice([-1.0, 1.0], size=shape)


def node_document(
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
    "selu",
    "gelu_tanh",
    "mish",
    "hardtanh",
    "hardswish",
    "softsign",
    "log_sigmoid",
    "softmax",
)

CASES: dict[str, Callable[[int], dict[str, Any]]] = {
    "add": node_document("add", normal(3, 4), normal(3, 4)),
    "add, a row to every row": node_document("add", normal(3, 4), normal(4)),
    "add, a column and a row": node_document("add", normal(3, 1), normal(1, 4)),
    "add, a number": node_document("add", normal(3, 4), normal()),
    "subtract, a stack": node_document("subtract", normal(4), normal(2, 3, 1)),
    "multiply": node_document("multiply", normal(2, 3), normal(2, 3)),
    "multiply, a column": node_document("multiply", normal(2, 3), normal(2, 1)),
    "divide": node_document("divide", normal(2, 3), nonzero(2, 3)),
    "divide, a row": node_document("divide", normal(2, 3), nonzero(3)),
    "divide, by a column": node_document("divide", normal(3), nonzero(2, 1)),
    "negate": node_document("negate", normal(2, 3)),
    "power 2": node_document("power", normal(2, 3), exponent=2),
    "power 3": node_document("power", normal(2, 3), exponent=3),
    "power −1": node_document("power", nonzero(2, 3), exponent=-1),
    "power 1/2": node_document("power", positive(2, 3), exponent=0.5),
    "power 0": node_document("power", normal(2, 3), exponent=0),
    "exp": node_document("exp", normal(2, 3)),
    "log": node_document("log", positive(2, 3)),
    "sqrt": node_document("sqrt", positive(2, 3)),
    "absolute": node_document("absolute", nonzero(2, 3)),
    "expm1": node_document("expm1", normal(2, 3)),
    "log1p": node_document("log1p", positive(2, 3)),
    "sin": node_document("sin", normal(2, 3)),
    "cos": node_document("cos", normal(2, 3)),
    "arctan": node_document("arctan", normal(2, 3)),
    "erf": node_document("erf", normal(2, 3)),
    "sign": node_document("sign", nonzero(2, 3)),
    "clip": node_document("clip", normal(3, 4), min=-0.5, max=0.75),
    "clip, from below": node_document("clip", normal(3, 4), min=0.25),
    "softmax over the first axis": node_document("softmax", normal(3, 2), axis=0),
    "log_softmax over the first axis": node_document("log_softmax", normal(2, 3, 2), axis=-2),
    "take": node_document("take", normal(2, 3), data={1: [[0, 5], [4, 1]]}),
    "take, an entry twice": node_document("take", normal(2, 3), data={1: [3, 3, 0, 3]}),
    "where": node_document("where", normal(2, 3), normal(2, 3), data={0: [[1, 0, 1], [0, 0, 1]]}),
    "where, a row and a column": node_document("where", normal(3), normal(2, 1), data={0: [1, 0, 1]}),
    "matmul": node_document("matmul", normal(3, 4), normal(4, 2)),
    "matmul, a vector on the left": node_document("matmul", normal(4), normal(4, 2)),
    "matmul, a vector on the right": node_document("matmul", normal(3, 4), normal(4)),
    "matmul, two vectors": node_document("matmul", normal(4), normal(4)),
    "matmul, stacks": node_document("matmul", normal(2, 3, 4), normal(2, 4, 2)),
    "matmul, a stack and a matrix": node_document("matmul", normal(2, 3, 4), normal(4, 2)),
    "matmul, stacks that broadcast": node_document("matmul", normal(2, 1, 3, 4), normal(3, 4, 2)),
    "matmul, a stack and a vector": node_document("matmul", normal(2, 3, 4), normal(4)),
    "matmul, a vector and a stack": node_document("matmul", normal(4), normal(2, 4, 3)),
    "transpose": node_document("transpose", normal(2, 3)),
    "transpose, three axes": node_document("transpose", normal(2, 3, 4), axes=[1, 2, 0]),
    "reshape": node_document("reshape", normal(2, 6), shape=[3, -1]),
    "concatenate": node_document("concatenate", normal(2, 3), normal(1, 3), normal(2, 3)),
    "concatenate, columns": node_document("concatenate", normal(2, 3), normal(2, 1), axis=1),
    "slice": node_document("slice", normal(4, 5), index=[[1, 4, 2], 3]),
    "slice, a row": node_document("slice", normal(4, 5), index=-1),
    "slice, columns": node_document("slice", normal(4, 5), index=[None, [None, 2]]),
    "sum": node_document("sum", normal(2, 3)),
    "sum, rows": node_document("sum", normal(2, 3, 4), axis=[0, 2]),
    "mean": node_document("mean", normal(2, 3)),
    "mean, columns kept": node_document("mean", normal(2, 3), axis=1, keepdims=True),
    "max": node_document("max", normal(2, 3)),
    "max, columns": node_document("max", normal(3, 4), axis=1),
    "max, two axes kept": node_document("max", normal(2, 3, 4), axis=[0, 2], keepdims=True),
    **{name: node_document(name, nonzero(3, 4)) for name in ACTIVATED},
    "leaky_relu, steeper": node_document("leaky_relu", nonzero(3, 4), slope=0.3),
    "elu, alpha": node_document("elu", nonzero(3, 4), alpha=0.7),
    "log_softmax": node_document("log_softmax", normal(3, 4)),
    "log_softmax, a vector": node_document("log_softmax", normal(5)),
    "embedding": node_document("embedding", normal(5, 3), data={1: [4, 0, 4, 4]}),
    "embedding, a matrix of words": node_document("embedding", normal(5, 2), data={1: [[1, 2], [2, 2]]}),
    "mse": node_document("mse", normal(3, 2), normal(3, 2)),
    "mse, fields": node_document("mse", normal(3, 2), normal(3, 2), factor=1, batch="sum", outputs="mean"),
    "mse, flat": node_document("mse", normal(3), normal(3)),
    "cross_entropy, classes": node_document("cross_entropy", normal(3, 4), data={1: [3, 0, 1]}),
    "cross_entropy, rows": node_document(
        "cross_entropy", normal(2, 2), data={1: [[0.3, 0.7], [1.0, 0.0]]}, batch="sum"
    ),
    "cross_entropy on probabilities": node_document(
        "cross_entropy", positive(2, 3), data={1: [2, 1]}, on="probabilities"
    ),
    "binary_cross_entropy": node_document(
        "binary_cross_entropy", normal(3, 2), data={1: [[1, 0], [0, 1], [0.5, 1]]}, outputs="mean"
    ),
    "binary_cross_entropy, flat": node_document("binary_cross_entropy", normal(3), data={1: [1, 0, 1]}),
    "binary_cross_entropy on probabilities": node_document(
        "binary_cross_entropy",
        lambda rng: rng.uniform(0.1, 0.9, size=(2, 2)),
        data={1: [[1, 0], [0, 1]]},
        on="probabilities",
    ),
}  # fmt: skip
