"""A live `edugrad.Tensor`: the graph above it, walked by its parents, with the gradients in `.grad`."""

from collections.abc import Iterator, Mapping
from inspect import getclosurevars
from types import MappingProxyType
from typing import Any

import numpy as np

from verifier.documents.mistakes import nearest
from verifier.graphs.operations import OPERATIONS
from verifier.importers.graph_parts import GraphParts
from verifier.importers.refusal import refused

# the names of edugrad's operations, and of those that its courses set, that ours are called otherwise
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "minus": "subtract",
        "sub": "subtract",
        "mul": "multiply",
        "div": "divide",
        "neg": "negate",
        "abs": "absolute",
        "reduce_sum": "sum",
        "reduce_mean": "mean",
        "lookup_rows": "embedding",
        "softmax_rows": "softmax",
    }
)
_REMEDY = (
    'say what it computes, such as operations={{"{name}": "tanh"}}, with options {{"op": "sum", "axis": 0}}'
)


def from_edugrad(
    output: Any,
    *,
    module: Any = None,
    names: Mapping[str, Any] | None = None,
    operations: Mapping[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Give the document of the graph that ends in a scalar tensor on which `backward()` was called.

    module: whose parameters are the graph's, under their own names; without it every leaf is one.
    names: of tensors, by name. operations: of the table, by the names of operations that it does not know.
    Raises: ImportRefused naming every operation that is none of the table; MalformedSubmission.
    """
    if not all(hasattr(output, field) for field in ("value", "parents", "grad")):
        raise refused("output", "a live edugrad.Tensor, one number", type(output).__name__)
    if np.ndim(output.value) != 0:
        raise refused("output", "one number", f"shape {np.shape(output.value)}", "sum or average it")
    if not np.any(output.grad):
        remedy = "call backward() on this tensor first"
        raise refused("gradients", "gradients in .grad", "none", remedy)
    given = operations or {}
    wanted = dict(_parameters(module, "")) if module is not None else {}
    wanted |= {id(tensor): name for name, tensor in (names or {}).items()}
    learnt = None if module is None else {own for own, _ in _parameters(module, "")}
    order = _ordered(output)
    data = _read_only(order, given)
    parts, found = GraphParts(), dict[int, str]()
    for tensor in order:
        own = id(tensor)
        name = wanted.get(own) or tensor.name
        if tensor.parents:
            found[own] = _node(
                parts, tensor, name or "node", [found[id(each)] for each in tensor.parents], given
            )
        else:
            parameter = own not in data and (learnt is None or own in learnt)
            gradient = None if own in data else tensor.grad
            found[own] = parts.leaf(name or "leaf", tensor.value, gradient, parameter=parameter)
    return parts.finished(found[id(output)], fields)


def _node(parts: GraphParts, tensor: Any, name: str, args: list[str], operations: Mapping[str, Any]) -> str:
    called = str(tensor.name)
    own = _operation(tensor, operations)
    if called == "copy_rows" and called not in operations:
        shape = (np.shape(tensor.value)[0], *(1,) * np.ndim(tensor.parents[0].value))
        args.append(parts.leaf(f"{name}.copies", np.zeros(shape), parameter=False))  # broadcasting copies
        own = ("add", {})
    if own is None:
        written = str(operations.get(called, called))
        meant = nearest(written, OPERATIONS)
        remedy = meant if meant.startswith("did") else _REMEDY.format(name=called)
        parts.refuse(called, f"the operation {written[:60]!r}", remedy)
        return name
    return parts.node(name, own[0], args, own[1], gradient=tensor.grad, value=tensor.value)


def _operation(tensor: Any, operations: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Give the table's operation and its options; None where nobody knows it."""
    called = str(tensor.name)
    given = operations.get(called)
    if isinstance(given, Mapping):
        return str(given.get("op")), {key: value for key, value in given.items() if key != "op"}
    name = str(given) if given is not None else NAMES.get(called, called)
    if name not in OPERATIONS:
        return None
    if name == "power":
        return name, {"exponent": _kept_number(tensor)}
    return name, {}


def _kept_number(tensor: Any) -> float:
    """Give the number that an operation noted beside arrays: the exponent of a power."""
    kept = getclosurevars(tensor._backward).nonlocals.get("ctx", ())
    return next((float(own) for own in kept if isinstance(own, int | float)), 1.0)


def _read_only(order: list[Any], operations: Mapping[str, Any]) -> set[int]:
    """Find the leaves that are read as indices or targets, and have no gradient."""
    found: set[int] = set()
    for tensor in order:
        own = _operation(tensor, operations) if tensor.parents else None
        row = OPERATIONS.get(own[0]) if own is not None else None
        found |= {
            id(tensor.parents[place]) for place in (row.data if row else ()) if place < len(tensor.parents)
        }
    return found


def _parameters(module: Any, prefix: str) -> Iterator[tuple[int, str]]:
    """Give identities and names of a module's parameters, those of modules in it included."""
    for name, tensor in module._params.items():
        yield id(tensor), f"{prefix}{name}"
    for name, inner in module._modules.items():
        yield from _parameters(inner, f"{prefix}{name}.")


def _ordered(output: Any) -> list[Any]:
    """Give every tensor behind all its parents, without recursion."""
    order: list[Any] = []
    seen: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(output, False)]
    while waiting:
        tensor, done = waiting.pop()
        if done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            waiting.append((tensor, True))
            waiting += [(parent, False) for parent in reversed(tensor.parents)]
    return order
