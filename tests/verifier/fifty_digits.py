"""Every operation a second time, in mpmath's numbers of 50 digits, written out entry by entry."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np

from verifier.problem.graph import GraphProblem, Node, node_name

DIGITS = 50
STEP = mpmath.mpf("1e-20")
Numbers = Any  # arrays of mpmath's numbers


def _elementwise(function: Callable[[Any], Any]) -> Callable[[Node, Numbers], Numbers]:
    def applied(node: Node, x: Numbers) -> Numbers:
        result = np.empty(x.shape, dtype=object)
        for index in np.ndindex(*x.shape):
            result[index] = function(x[index])
        return result

    return applied


def _with_option(option: str, function: Callable[[Any, float], Any]) -> Callable[[Node, Numbers], Numbers]:
    def applied(node: Node, x: Numbers) -> Numbers:
        value = mpmath.mpf(node.options["function"].options[option])
        return _elementwise(lambda entry: function(entry, value))(node, x)

    return applied


def _logistic(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _rows(function: Callable[[list[Any]], list[Any]]) -> Callable[[Node, Numbers], Numbers]:
    def applied(node: Node, x: Numbers) -> Numbers:
        x = np.moveaxis(x, node.options["axis"], -1)
        result = np.empty(x.shape, dtype=object)
        for index in np.ndindex(*x.shape[:-1]):
            result[index] = function(list(x[index]))
        return np.moveaxis(result, -1, node.options["axis"])

    return applied


def _softmax(row: list[Any]) -> list[Any]:
    total = mpmath.fsum(mpmath.exp(logit) for logit in row)
    return [mpmath.exp(logit) / total for logit in row]


def _reduced(function: Callable[[list[Any]], Any]) -> Callable[[Node, Numbers], Numbers]:
    def applied(node: Node, x: Numbers) -> Numbers:
        axes = [axis % x.ndim for axis in node.options["axes"]]
        result = np.empty(node.shape, dtype=object)
        flat = result.reshape(-1)
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        rows = x.transpose(*kept, *axes).reshape(flat.size, -1)
        for place in range(flat.size):
            flat[place] = function(list(rows[place]))
        return flat.reshape(node.shape)

    return applied


def _matmul(node: Node, x: Numbers, y: Numbers) -> Numbers:
    return np.asarray(x @ y, dtype=object).reshape(node.shape)


def _weight(node: Node) -> Any:
    return mpmath.mpf(node.options["risk"].factor) / node.options["divisor"]


def _mse(node: Node, x: Numbers, y: Numbers) -> Numbers:
    total = mpmath.fsum((a - b) ** 2 for a, b in zip(x.ravel(), y.ravel(), strict=True))
    return _scalar(_weight(node) * total)


def _cross_entropy(node: Node, x: Numbers, y: Numbers) -> Numbers:
    total = mpmath.mpf(0)
    for row in range(x.shape[0]):
        p = list(x[row]) if node.options["risk"].on == "probabilities" else _softmax(list(x[row]))
        for column, probability in enumerate(p):
            target = y[row, column] if y.ndim == 2 else mpmath.mpf(int(y[row]) == column)
            total -= target * mpmath.log(probability) if target else 0
    return _scalar(_weight(node) * total)


def _binary_cross_entropy(node: Node, x: Numbers, y: Numbers) -> Numbers:
    on_probabilities = node.options["risk"].on == "probabilities"
    total = mpmath.mpf(0)
    for output, target in zip(x.ravel(), y.ravel(), strict=True):
        p = output if on_probabilities else _logistic(output)
        total -= target * mpmath.log(p) if target else 0
        total -= (1 - target) * mpmath.log(1 - p) if target != 1 else 0
    return _scalar(_weight(node) * total)


def _scalar(value: Any) -> Numbers:
    array = np.empty((), dtype=object)
    array[()] = value
    return array


def _embedding(node: Node, table: Numbers, indices: Numbers) -> Numbers:
    return table[node.data[1].astype(int)]


def _clip(node: Node, x: Numbers) -> Numbers:
    low, high = (mpmath.mpf(node.options["function"].options[end]) for end in ("min", "max"))
    return _elementwise(lambda entry: min(max(entry, low), high))(node, x)


def _where(node: Node, condition: Numbers, x: Numbers, y: Numbers) -> Numbers:
    return np.where(node.data[0] != 0, x, y)


SELU_SCALE, SELU_ALPHA = mpmath.mpf(1.0507009873554805), mpmath.mpf(1.6732632423543772)


def _gelu_tanh(x: Any) -> Any:
    inner = mpmath.mpf(math.sqrt(2 / math.pi)) * (x + mpmath.mpf(0.044715) * x**3)
    return x * (1 + mpmath.tanh(inner)) / 2


TABLE: Mapping[str, Callable[..., Numbers]] = {
    "add": lambda node, x, y: x + y,
    "subtract": lambda node, x, y: x - y,
    "multiply": lambda node, x, y: x * y,
    "divide": lambda node, x, y: x / y,
    "negate": lambda node, x: -x,
    "matmul": _matmul,
    "transpose": lambda node, x: x.transpose([axis % x.ndim for axis in node.options["axes"]]),
    "reshape": lambda node, x: x.reshape(node.shape),
    "concatenate": lambda node, *x: np.concatenate(x, axis=node.options["axis"]),
    "slice": lambda node, x: x[node.options["index"]],
    "sum": _reduced(mpmath.fsum),
    "mean": _reduced(lambda row: mpmath.fsum(row) / len(row)),
    "max": _reduced(max),
    "exp": _elementwise(mpmath.exp),
    "log": _elementwise(mpmath.log),
    "sqrt": _elementwise(mpmath.sqrt),
    "absolute": _elementwise(abs),
    "power": _with_option("exponent", lambda x, n: x**n),
    "expm1": _elementwise(mpmath.expm1),
    "log1p": _elementwise(mpmath.log1p),
    "sin": _elementwise(mpmath.sin),
    "cos": _elementwise(mpmath.cos),
    "arctan": _elementwise(mpmath.atan),
    "erf": _elementwise(mpmath.erf),
    "sign": _elementwise(mpmath.sign),
    "clip": _clip,
    "identity": _elementwise(lambda x: x),
    "sigmoid": _elementwise(_logistic),
    "tanh": _elementwise(mpmath.tanh),
    "relu": _elementwise(lambda x: max(x, mpmath.mpf(0))),
    "leaky_relu": _with_option("slope", lambda x, slope: x if x > 0 else slope * x),
    "elu": _with_option("alpha", lambda x, alpha: x if x > 0 else alpha * mpmath.expm1(x)),
    "softplus": _elementwise(lambda x: mpmath.log(1 + mpmath.exp(x))),
    "gelu": _elementwise(lambda x: x * mpmath.ncdf(x)),
    "silu": _elementwise(lambda x: x * _logistic(x)),
    "selu": _elementwise(lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mpmath.expm1(x))),
    "gelu_tanh": _elementwise(_gelu_tanh),
    "mish": _elementwise(lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x)))),
    "hardtanh": _elementwise(lambda x: min(max(x, mpmath.mpf(-1)), mpmath.mpf(1))),
    "hardswish": _elementwise(lambda x: x * min(max(x + 3, mpmath.mpf(0)), mpmath.mpf(6)) / 6),
    "softsign": _elementwise(lambda x: x / (1 + abs(x))),
    "log_sigmoid": _elementwise(lambda x: -mpmath.log1p(mpmath.exp(-x))),
    "softmax": _rows(_softmax),
    "log_softmax": _rows(lambda row: [mpmath.log(p) for p in _softmax(row)]),
    "embedding": _embedding,
    "take": lambda node, x, indices: x.reshape(-1)[node.data[1].astype(int)],
    "where": _where,
    "mse": _mse,
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
}


def _exactly(values: Any) -> Numbers:
    array = np.empty(values.shape, dtype=object)
    for index in np.ndindex(*values.shape):
        array[index] = mpmath.mpf(float(values[index]))
    return array


def _output(problem: GraphProblem, values: dict[str, Numbers], fixed: str) -> Any:
    values = dict(values)
    for node in problem.nodes:
        if node.name != fixed:
            value = TABLE[node.operation.name](node, *(values[operand] for operand in node.operands))
            values[node.name] = value if isinstance(value, np.ndarray) else _scalar(value)
    return values[problem.output].reshape(-1)[0], values


def gradients(problem: GraphProblem) -> dict[str, Any]:
    """Differentiate by differences of 50 digits, every asked entry in turn."""
    with mpmath.workdps(DIGITS):
        leaves = {name: _exactly(values) for name, values in problem.leaves()}
        _, base = _output(problem, leaves, "")
        gradients_by_name = {}
        for key in problem.requested:
            name = node_name(key)
            result = np.empty(base[name].shape)
            for index in np.ndindex(*result.shape):
                sides = []
                for side in (STEP, -STEP):
                    moved = base[name].copy()
                    moved[index] = moved[index] + side
                    sides.append(_output(problem, base | {name: moved}, name)[0])
                result[index] = float((sides[0] - sides[1]) / (2 * STEP))
            gradients_by_name[key] = result
        return gradients_by_name
