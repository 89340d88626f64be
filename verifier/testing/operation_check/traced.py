"""Record the numpy operations of a function as a graph of known operations, so that local rules can be tried.

The recorded graph is a guess: its user compares its value and its gradients with those of the function.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.graph import read_graph
from verifier.problem.graph import GraphProblem

_MOST_NODES = 200  # of a graph in which every rule is tried at every node
_UFUNCS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in ("add", "subtract", "multiply", "divide", "matmul", "exp", "log", "sqrt")},
        **{name: name for name in ("absolute", "expm1", "log1p", "sin", "cos", "arctan", "tanh", "sign")},
        **{name: name for name in ("reciprocal", "log2", "log10", "exp2", "sinh", "cosh", "tan")},
        **{name: name for name in ("maximum", "minimum")},
        "negative": "negate",
        "positive": "identity",
        "fabs": "absolute",
        "fmax": "maximum",
        "fmin": "minimum",
    }
)
_REDUCTIONS: Mapping[str, str] = MappingProxyType(
    {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}
)
_OF_AN_AXIS = ("sum", "mean", "prod", "max", "min", "amax", "amin", "var", "std", "cumsum")
_OF_VALUES = (
    *("zeros_like", "ones_like", "empty_like", "full_like", "shape", "ndim", "size", "argmax", "argmin"),
    *("argsort", "any", "all", "allclose", "isclose", "array_equal", "count_nonzero", "iscomplexobj"),
)  # functions whose result has no derivative


class UntraceableError(Exception):
    """Raised where a function does something that no operation of graphs does."""


class StepRecorder:
    """The leaves and nodes of a graph that is being recorded."""

    def __init__(self) -> None:
        self.inputs: dict[str, Array] = {}
        self.parameters: dict[str, Array] = {}
        self.nodes: list[dict[str, Any]] = []

    def parameter(self, name: str, array: Array) -> "TracedArray":
        self.parameters[name] = array
        return TracedArray.of(array, self, name)

    def apply(self, op: str, value: Any, *operands: Any, **options: Any) -> "TracedArray":
        """Record an operation of traced or plain operands, and return its value, which numpy computed."""
        if len(self.nodes) >= _MOST_NODES:
            raise UntraceableError
        args = [self._operand(operand) for operand in operands]
        op, args = self._usual(op, args)
        kept = {key: option for key, option in options.items() if option is not None}
        name = self._name(op)
        self.nodes.append({"name": name, "op": op, "args": args, **kept})
        return TracedArray.of(np.asarray(value, dtype=np.float64), self, name)

    def _usual(self, op: str, args: list[str | float]) -> tuple[str, list[str | float]]:
        """Return max(x, 0) as relu and 1 / (1 + e^−x) as sigmoid, whose derivatives have known mistakes."""
        if op == "maximum" and 0.0 in args:
            return "relu", [arg for arg in args if arg != 0.0]
        by_name = {node["name"]: node for node in self.nodes}

        def parts(arg: Any, wanted: str) -> list[Any]:
            node = by_name.get(arg, {})
            return [each for each in node.get("args", ()) if each != 1.0] if node.get("op") == wanted else []

        if op == "divide" and args[0] == 1.0 and len(total := parts(args[1], "add")) == 1:
            for power in parts(total[0], "exp"):
                for x in parts(power, "negate"):
                    return "sigmoid", [x]
        return op, args

    def _operand(self, operand: Any) -> str | float:
        if isinstance(operand, TracedArray):
            if operand.name is None:
                raise UntraceableError  # a view that no method here made
            return operand.name
        array = np.asarray(operand)
        if array.dtype.kind not in "fiub":
            raise UntraceableError
        if array.ndim == 0:
            return float(array)
        name = self._name("constant")
        self.inputs[name] = array.astype(np.float64)
        return name

    def _name(self, wanted: str) -> str:
        taken = {*self.inputs, *self.parameters, *(node["name"] for node in self.nodes)}
        name, count = wanted, 1
        while name in taken:
            count += 1
            name = f"{wanted}_{count}"
        return name


class TracedArray(np.ndarray[Any, Any]):
    """An array whose operations are recorded. name: its name in the graph; None for an unknown view."""

    recorder: StepRecorder | None = None
    name: str | None = None

    @staticmethod
    def of(array: Array, recorder: StepRecorder, name: str) -> "TracedArray":
        traced = TracedArray(array.shape)  # it owns its memory, so that plain views of it lead back to it
        traced.view(np.ndarray)[...] = array
        traced.recorder, traced.name = recorder, name
        return traced

    def _apply(self, op: str, value: Any, *operands: Any, **options: Any) -> "TracedArray":
        if self.recorder is None:
            raise UntraceableError
        return self.recorder.apply(op, value, *operands, **options)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [_plain(operand) for operand in inputs]
        traced = next((each for each in inputs if isinstance(each, TracedArray) and each.name), None)
        options.pop("out", None)  # `x += y` binds the name x to the result
        if traced is None:
            raise UntraceableError
        if method == "reduce" and ufunc.__name__ in _REDUCTIONS:
            axis, keepdims = options.get("axis", 0), bool(options.get("keepdims", False))
            value = ufunc.reduce(plain[0], axis=axis, keepdims=keepdims)
            return traced._apply(_REDUCTIONS[ufunc.__name__], value, inputs[0], **_axes(axis, keepdims))
        if method != "__call__" or options.get("where", True) is not True:
            raise UntraceableError
        value = ufunc(*plain)
        if np.asarray(value).dtype.kind == "b":
            return value
        if ufunc.__name__ == "square":
            return traced._apply("power", value, inputs[0], exponent=2.0)
        if ufunc.__name__ in ("power", "float_power"):
            if np.ndim(plain[1]) == 0 and not isinstance(inputs[1], TracedArray):
                return traced._apply("power", value, inputs[0], exponent=float(plain[1]))
            return traced._apply("tensor_power", value, *inputs)
        if ufunc.__name__ == "logaddexp":
            zero = [np.ndim(each) == 0 and each == 0 for each in plain]
            if not any(zero):
                raise UntraceableError
            return traced._apply("softplus", value, inputs[0] if zero[1] else inputs[1])
        if ufunc.__name__ == "clip":
            return _clip(traced, *inputs)
        if ufunc.__name__ not in _UFUNCS:
            raise UntraceableError
        return traced._apply(_UFUNCS[ufunc.__name__], value, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if name in _OF_VALUES:
            return function(*map(_plain, args), **{key: _plain(each) for key, each in kwargs.items()})
        if name in _OF_AN_AXIS:
            return getattr(args[0], name.removeprefix("a"))(*args[1:], **kwargs)
        recorded = _FUNCTIONS.get(name)
        if recorded is None:
            raise UntraceableError
        return recorded(*args, **kwargs)

    def _reduced(self, op: str, axis: Any, keepdims: Any, **options: Any) -> Any:
        value = getattr(np, op)(_plain(self), axis=axis, keepdims=bool(keepdims), **options)
        correction = {"correction": options["ddof"]} if "ddof" in options else {}
        return self._apply(op, value, self, **_axes(axis, bool(keepdims)), **correction)

    def sum(self, axis: Any = None, keepdims: Any = False) -> Any:  # type: ignore[override]
        return self._reduced("sum", axis, keepdims)

    def mean(self, axis: Any = None, keepdims: Any = False) -> Any:  # type: ignore[override]
        return self._reduced("mean", axis, keepdims)

    def prod(self, axis: Any = None, keepdims: Any = False) -> Any:  # type: ignore[override]
        return self._reduced("prod", axis, keepdims)

    def max(self, axis: Any = None, keepdims: Any = False) -> Any:  # type: ignore[override]
        return self._reduced("max", axis, keepdims)

    def min(self, axis: Any = None, keepdims: Any = False) -> Any:  # type: ignore[override]
        return self._reduced("min", axis, keepdims)

    def var(self, axis: Any = None, keepdims: Any = False, ddof: int = 0) -> Any:  # type: ignore[override]
        return self._reduced("var", axis, keepdims, ddof=ddof)

    def std(self, axis: Any = None, keepdims: Any = False, ddof: int = 0) -> Any:  # type: ignore[override]
        return self._reduced("std", axis, keepdims, ddof=ddof)

    def cumsum(self, axis: Any = None) -> Any:  # type: ignore[override]
        if axis is None:
            raise UntraceableError
        return self._apply("cumsum", np.cumsum(_plain(self), axis=axis), self, axis=axis)

    def dot(self, other: Any) -> Any:  # type: ignore[override]
        return _dot(self, other)

    def transpose(self, *axes: Any) -> Any:
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        chosen = list(range(self.ndim))[::-1] if order is None else [int(axis) for axis in order]
        return self._apply("transpose", _plain(self).transpose(chosen), self, axes=chosen)

    @property
    def T(self) -> Any:  # noqa: N802 -- numpy's
        return self.transpose()

    def swapaxes(self, one: Any, other: Any) -> Any:
        axes = list(range(self.ndim))
        axes[one], axes[other] = axes[other], axes[one]
        return self.transpose(axes)

    def reshape(self, *shape: Any, order: str = "C") -> Any:  # type: ignore[override]
        if order != "C":
            raise UntraceableError
        sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int | np.integer) else shape
        sizes = tuple(sizes)
        value = _plain(self).reshape(sizes)
        return self._apply("reshape", value, self, shape=list(value.shape))

    def ravel(self, order: str = "C") -> Any:  # type: ignore[override]
        return self.reshape(-1, order=order)

    def flatten(self, order: str = "C") -> Any:  # type: ignore[override]
        return self.reshape(-1, order=order)

    def squeeze(self, axis: Any = None) -> Any:
        return self.reshape(np.squeeze(_plain(self), axis).shape)

    def copy(self, order: Any = "C") -> Any:
        return self

    def astype(self, dtype: Any, **options: Any) -> Any:  # type: ignore[override]
        if np.dtype(dtype).kind != "f":
            return _plain(self).astype(dtype)
        return self

    def clip(self, low: Any = None, high: Any = None) -> Any:  # type: ignore[override]
        return _clip(self, low, high)

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if any(isinstance(part, TracedArray) for part in parts):
            raise UntraceableError
        entries = np.arange(self.size).reshape(self.shape)[key]
        value = _plain(self).ravel()[entries]
        is_row_numbers = len(parts) == 1 and self.ndim == 2 and np.ndim(parts[0]) == 1
        if is_row_numbers and np.asarray(parts[0]).dtype.kind in "iu":
            return self._apply("embedding", value, self, np.asarray(parts[0]))
        if np.ndim(entries) == 0:
            index = [int(place) for place in np.unravel_index(int(entries), self.shape)]
            return self._apply("slice", value, self, index=index)
        return self._apply("take", value, self, entries)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise UntraceableError

    def __float__(self) -> float:
        raise UntraceableError

    def item(self, *index: Any) -> Any:
        raise UntraceableError


def _plain(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, TracedArray) else value


def _axes(axis: Any, keepdims: bool) -> dict[str, Any]:
    axes = None if axis is None else [int(each) for each in axis] if isinstance(axis, tuple) else int(axis)
    return {"axis": axes, "keepdims": keepdims or None}


def _first(*operands: Any) -> TracedArray:
    for operand in operands:
        if isinstance(operand, TracedArray):
            return operand
    raise UntraceableError


def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    if any(bound is not None and np.ndim(bound) for bound in (low, high)):
        raise UntraceableError
    bounds = {"min": None if low is None else float(low), "max": None if high is None else float(high)}
    return _first(x)._apply("clip", np.clip(_plain(x), low, high), x, **bounds)


def _dot(x: Any, y: Any) -> Any:
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return x * y
    if np.ndim(x) > 2 or np.ndim(y) > 2:
        raise UntraceableError
    return _first(x, y)._apply("matmul", np.dot(_plain(x), _plain(y)), x, y)


def _where(condition: Any, x: Any, y: Any) -> Any:
    chosen = np.asarray(_plain(condition), dtype=bool).astype(np.float64)
    value = np.where(chosen == 1.0, _plain(x), _plain(y))
    return _first(x, y)._apply("where", value, chosen, x, y)


def _joined(op: str) -> Callable[..., Any]:
    def joined(arrays: Sequence[Any], axis: int = 0) -> Any:
        value = getattr(np, op)([_plain(array) for array in arrays], axis=axis)
        return _first(*arrays)._apply(op, value, *arrays, axis=axis)

    return joined


def _on_axes(op: str) -> Callable[..., Any]:
    def moved(x: Any, shift: Any = None, axis: Any = None) -> Any:
        if not isinstance(axis, int):
            raise UntraceableError
        value = np.roll(_plain(x), shift, axis) if op == "roll" else np.flip(_plain(x), axis)
        return _first(x)._apply(op, value, x, axis=axis, shift=shift if op == "roll" else None)

    return moved


def _triangle(op: str) -> Callable[..., Any]:
    def triangle(x: Any, k: int = 0) -> Any:
        return _first(x)._apply(op, getattr(np, op)(_plain(x), k), x, diagonal=k)

    return triangle


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord not in (None, 2) or (axis is None and ord is not None and np.ndim(x) > 1):
        raise UntraceableError
    value = np.linalg.norm(_plain(x), axis=axis, keepdims=keepdims)
    return _first(x)._apply("norm", value, x, **_axes(axis, keepdims))


def _einsum(subscripts: Any, *operands: Any, **options: Any) -> Any:
    value = np.einsum(subscripts, *map(_plain, operands))
    return _first(*operands)._apply("einsum", value, *operands, subscripts=subscripts)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "where": _where,
        "clip": _clip,
        "dot": _dot,
        "concatenate": _joined("concatenate"),
        "stack": _joined("stack"),
        "roll": _on_axes("roll"),
        "flip": lambda x, axis=None: _on_axes("flip")(x, axis=axis),
        "tril": _triangle("tril"),
        "triu": _triangle("triu"),
        "norm": _norm,
        "einsum": _einsum,
        "outer": lambda x, y: _first(x, y)._apply("outer", np.outer(_plain(x), _plain(y)), x, y),
        "reshape": lambda x, shape: x.reshape(shape),
        "transpose": lambda x, axes=None: x.transpose() if axes is None else x.transpose(axes),
        "swapaxes": lambda x, one, other: x.swapaxes(one, other),
        "ravel": lambda x: x.ravel(),
        "squeeze": lambda x, axis=None: x.squeeze(axis),
        "expand_dims": lambda x, axis: x.reshape(np.expand_dims(_plain(x), axis).shape),
        "copy": lambda x: x,
        "broadcast_to": lambda x, shape: _first(x)._apply(
            "broadcast_to", np.broadcast_to(_plain(x), shape), x, shape=list(shape)
        ),
    }
)


def traced_graph(
    function: Callable[..., Any],
    arguments: Sequence[Array],
    names: Sequence[str],
    data: Sequence[int],
    upstream: Array,
) -> GraphProblem | None:
    """Return the graph of the sum of a function's value times a gradient; None if it cannot be recorded.

    names: of the arguments. data: positions of arguments without a gradient.
    """
    recorder = StepRecorder()
    try:
        passed = [
            array.copy() if place in data else recorder.parameter(name, array.astype(np.float64))
            for place, (name, array) in enumerate(zip(names, arguments, strict=True))
        ]
        value = _traced(function(*passed))
        if value is None or value.shape != upstream.shape:
            return None
        total = value._apply("multiply", _plain(value) * upstream, value, upstream).sum()
        document = {
            "network": {"inputs": [*recorder.inputs], "nodes": recorder.nodes, "output": total.name},
            "inputs": recorder.inputs,
            "parameters": recorder.parameters,
            "gradients": {},
        }
        problem = read_graph(document).problem
    except (Exception, SystemExit):  # the function may do anything with an array that it does not know
        return None
    used = replace(problem, nodes=problem.upstream_of_output)
    return used.with_requested(tuple(recorder.parameters))


def _traced(value: Any) -> TracedArray | None:
    """Return the traced array that a value is, or is a plain view of."""
    source = value if isinstance(value, TracedArray) else getattr(value, "base", None)
    if isinstance(source, TracedArray) and source.name is not None and source.shape == np.shape(value):
        return source
    return None
