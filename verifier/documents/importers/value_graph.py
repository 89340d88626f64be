"""Import the graph of objects that keep their operands: micrograd's `Value`, and tensors written like it.

A set of operands, such as micrograd's `_prev`, forgets their order, how often each was used, and plain
numbers. All three follow from the values: an operation is taken whose result is the value of the node.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.importers.common import refused
from verifier.documents.importers.graph_parts import GraphParts
from verifier.engine.arithmetic import FLOATS
from verifier.engine.operations import OPERATIONS
from verifier.problem.errors import suggest_name
from verifier.problem.graph import GraphOperation, MisfitError, Node

_VALUES = ("data", "value", "val")
_OPERANDS = ("_prev", "prev", "_children", "children", "_parents", "parents", "_inputs")
_OPERATIONS = ("_op", "op", "_operation", "operation")
_LABELS = ("label", "name", "_name")
# spellings in micrograd and programs like it, by small letters alone
_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "+": "add",
        "-": "subtract",
        "*": "multiply",
        "/": "divide",
        "@": "matmul",
        "sub": "subtract",
        "minus": "subtract",
        "mul": "multiply",
        "times": "multiply",
        "div": "divide",
        "truediv": "divide",
        "neg": "negate",
        "**": "power",
        "^": "power",
        "pow": "power",
        "ln": "log",
        "abs": "absolute",
        "sigm": "sigmoid",
        "logistic": "sigmoid",
        "dot": "matmul",
        "mm": "matmul",
        "t": "transpose",
        "max": "maximum",
        "min": "minimum",
        "leakyrelu": "leaky_relu",
        "logsoftmax": "log_softmax",
    }
)
_POWER = re.compile(r"^(?:\*\*|\^|pow)\(?(-?[\d.]+(?:e-?\d+)?)\)?$")
_TOLERANCE = 1e-9  # relative; another order or a constant changes far more
_CONSTANT = "constant"
_REMEDY = 'say what it computes, such as operations={{{name!r}: "tanh"}}, or a dict of "op" and options'


def is_value(source: Any) -> bool:
    """True if an object looks like micrograd's `Value`: a number, a gradient, operands, an operation."""
    return (
        hasattr(source, "grad")
        and _field(source, _VALUES) is not None
        and _first(source, _OPERANDS) is not None
        and _first(source, _OPERATIONS) is not None
    )


def from_value(
    output: Any,
    *,
    names: Mapping[str, Any] | None = None,
    operations: Mapping[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the document of the graph of a micrograd `Value`, or of an object like it.

    Every leaf is a parameter. Plain numbers in expressions, such as the 1 in x + 1, are constants.

    Parameters
    ----------
    output : Value
        The scalar on which `backward()` was called: an object with `data`, `grad`, `_prev` and `_op`, or
        with other usual names of these.
    names : mapping of str to Value, optional
        Names for values in the document. `label` and `name` of a value are used as well.
    operations : mapping of str to str or dict, optional
        For each operation under a name of its own, the name of an operation in docs/graphs.md, or a dict of
        `op` and options.
    **fields
        Further fields of the document, such as `name` or `tolerance`.

    Returns
    -------
    dict
        The document, with numpy arrays.

    Raises
    ------
    ImportRefused
        If operations are unsupported; it names all of them.
    MalformedSubmission
        If the resulting document is invalid.

    Examples
    --------
    >>> loss.backward()
    >>> report = verify(from_value(loss, names={"w": w, "b": b}))
    """
    if not is_value(output):
        rule = "an object with a number, .grad, its operands (_prev) and its operation (_op)"
        raise refused("output", rule, type(output).__name__)
    if _number(output).size != 1:
        raise refused("output", "one number", f"shape {_number(output).shape}", "sum or average it")
    if not np.any(_gradient(output)):
        raise refused("gradients", "gradients in .grad", "none", "call backward() on this value first")
    labels = {id(value): name for name, value in (names or {}).items()}
    parts, by_id = GraphParts(), dict[int, str]()
    for value in _topological_order(output):
        label = labels.get(id(value)) or _label(value)
        operands = _operands(value)
        if not operands:
            gradient = _gradient(value)
            by_id[id(value)] = parts.leaf(label or "leaf", _number(value), gradient, parameter=True)
            continue
        by_id[id(value)] = _add_node(parts, value, label, operands, by_id, operations or {})
    return parts.finished(by_id[id(output)], fields)


@dataclass(frozen=True, slots=True)
class _Use:
    """An operation of operands, each a place among the node's operands or a constant."""

    operation: str
    operands: tuple[int | float, ...]
    options: Mapping[str, Any]


def _add_node(
    parts: GraphParts,
    value: Any,
    label: str,
    operands: Sequence[Any],
    names: Mapping[int, str],
    operations: Mapping[str, Any],
) -> str:
    written = str(_first(value, _OPERATIONS))
    operation, options = _operation(written, operations)
    wanted = label or operation or "node"
    if operation not in OPERATIONS:
        suggestion = suggest_name(operation, OPERATIONS)
        remedy = _REMEDY.format(name=written)
        remedy = f"{suggestion}; else {remedy}" if suggestion.startswith("did") else remedy
        parts.refuse(wanted, f"the operation {written[:60]!r}", remedy)
        return wanted
    arrays = [_number(operand) for operand in operands]
    use = next(_fitting_uses(operation, options, arrays, _number(value)), None)
    if use is None:
        rule = f"an operation {written[:60]!r} of its operands that gives its value"
        remedy = "import it before values are changed; " + _REMEDY.format(name=written)
        parts.refuse(wanted, "other numbers", remedy, expected=rule)
        return wanted
    args = [names[id(operands[operand])] if isinstance(operand, int) else operand for operand in use.operands]
    return parts.node(
        wanted, use.operation, args, use.options, gradient=_gradient(value), value=_number(value)
    )


def _operation(written: str, operations: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of the operation and the options that its spelling tells."""
    replacement = operations.get(written)
    if isinstance(replacement, Mapping):
        options = {key: value for key, value in replacement.items() if key != "op"}
        return str(replacement.get("op")), options
    if replacement is not None:
        return str(replacement), {}
    short = written.strip().casefold().strip("<>").removesuffix("backward").strip("_. ")
    short = short or written.strip()
    power = _POWER.match(short)
    if power:
        return "power", {"exponent": float(power[1])}
    return _SPELLINGS.get(short, short), {}


def _fitting_uses(
    operation: str, options: Mapping[str, Any], arrays: Sequence[Array], value: Array
) -> Iterator[_Use]:
    """Yield every use of the operands that gives the value, the likeliest first."""
    for use in _uses(operation, options, arrays, value):
        operands = [
            arrays[operand] if isinstance(operand, int) else np.asarray(operand) for operand in use.operands
        ]
        result = _evaluated(OPERATIONS[use.operation], use.options, operands)
        if result is not None and result.shape == value.shape and _is_equal(result, value):
            yield use


def _uses(
    operation: str, options: Mapping[str, Any], arrays: Sequence[Array], value: Array
) -> Iterator[_Use]:
    row, count = OPERATIONS[operation], len(arrays)
    fewest, most = row.operands
    most = count if most is None else most
    if operation == "subtract" and count == 1:
        yield _Use("negate", (0,), {})
    if fewest <= count <= most:
        for order in permutations(range(count)):
            for more in _possible_options(row, options, arrays):
                yield _Use(operation, order, more)
    if count == 1 and fewest <= 2 <= most:
        yield _Use(operation, (0, 0), options)
        for constant, first in product(_constants(operation, arrays[0], value), (False, True)):
            yield _Use(operation, (constant, 0) if first else (0, constant), options)
    if operation == "power":
        yield from _powers(arrays, value)


def _possible_options(
    row: GraphOperation, options: Mapping[str, Any], arrays: Sequence[Array]
) -> Iterator[Mapping[str, Any]]:
    """Yield the options, with an axis where the operation has one that is not told."""
    yield options
    if "axis" in row.options and "axis" not in options:
        for axis in range(arrays[0].ndim):
            yield {**options, "axis": axis}
            if "keepdims" in row.options:
                yield {**options, "axis": axis, "keepdims": True}


def _constants(operation: str, operand: Array, value: Array) -> Iterator[float]:
    """Yield the plain numbers that may be the other operand."""
    x, z = operand.ravel(), value.ravel()
    if x.shape != z.shape or not x.size:
        return
    place = int(np.argmax(np.abs(x)))
    a, b = float(x[place]), float(z[place])
    candidates: Mapping[str, tuple[float, ...]] = {
        "add": (b - a,),
        "subtract": (a - b, b + a),
        "multiply": (b / a,) if a else (),
        "divide": (*((a / b,) if b else ()), a * b),
        "maximum": (float(z.min()),),
        "minimum": (float(z.max()),),
    }
    for number in candidates.get(operation, ()):
        yield float(f"{number:.12g}")  # as a person writes it, without the rounding of the difference
        yield number


def _powers(arrays: Sequence[Array], value: Array) -> Iterator[_Use]:
    """Yield powers with an exponent that the spelling does not tell."""
    for place, array in enumerate(arrays):
        base, power = abs(float(array.flat[0])), abs(float(value.flat[0]))
        if array.shape == value.shape and base not in (0.0, 1.0) and power > 0:
            yield _Use("power", (place,), {"exponent": round(math.log(power) / math.log(base), 9)})
    if len(arrays) == 2:
        yield _Use("tensor_power", (0, 1), {})
        yield _Use("tensor_power", (1, 0), {})


def _evaluated(row: GraphOperation, options: Mapping[str, Any], operands: Sequence[Array]) -> Array | None:
    """Return the value of an operation; None if it takes no such operands."""
    shapes = tuple(tuple(operand.shape) for operand in operands)
    try:
        with np.errstate(all="ignore"):
            fit = row.fit(dict(options), shapes)
            data = {place: operands[place] for place in row.data}
            node = Node("z", row, tuple(map(str, range(len(shapes)))), fit.options, shapes, fit.shape, data)
            return np.asarray(row.value(FLOATS, node, list(operands)))
    except (MisfitError, ValueError):
        return None


def _is_equal(result: Array, value: Array) -> bool:
    return np.allclose(result, value, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)


def _first(source: Any, fields: Sequence[str]) -> Any:
    """Return the first of some attributes that an object has and that is not None."""
    return next((each for field in fields if (each := getattr(source, field, None)) is not None), None)


def _field(source: Any, fields: Sequence[str]) -> Array | None:
    value = _first(source, fields)
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return None if value is None else array


def _number(value: Any) -> Array:
    array = _field(value, _VALUES)
    return np.zeros(()) if array is None else array


def _gradient(value: Any) -> Array | None:
    gradient = value.grad
    array = _field(gradient, _VALUES) if is_value(gradient) else None
    if array is None and gradient is not None:
        array = np.asarray(gradient, dtype=np.float64)
    return None if array is None else np.broadcast_to(array, _number(value).shape)


def _operands(value: Any) -> list[Any]:
    operands = _first(value, _OPERANDS)
    operands = operands() if callable(operands) else operands
    return [operand for operand in operands if is_value(operand)]


def _label(value: Any) -> str:
    label = _first(value, _LABELS)
    return label if isinstance(label, str) else ""


def _topological_order(output: Any) -> list[Any]:
    """Return all values in topological order, operands first, without recursion."""
    order: list[Any] = []
    seen: set[int] = set()
    stack: list[tuple[Any, bool]] = [(output, False)]
    while stack:
        value, operands_done = stack.pop()
        if operands_done:
            order.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            stack.append((value, True))
            stack += [(operand, False) for operand in _operands(value)]
    return order
