"""Import the graph of a live `edugrad.Tensor` by its `parents`, with the gradients in `.grad`."""

from collections.abc import Iterator, Mapping
from inspect import getclosurevars
from types import MappingProxyType
from typing import Any

import numpy as np

from verifier.documents.importers.common import refused
from verifier.documents.importers.graph_parts import GraphParts
from verifier.engine.operations import OPERATIONS
from verifier.problem.errors import suggest_name

# operations of edugrad and its course exercises that have another name in the table of operations
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
    """Return the document of the graph of an edugrad tensor.

    Parameters
    ----------
    output : edugrad.Tensor
        A scalar on which `backward()` was called.
    module : edugrad.Module, optional
        Its parameters are the parameters of the graph. Without it, every leaf is a parameter.
    names : mapping of str to edugrad.Tensor, optional
        Names for tensors in the document.
    operations : mapping of str to str or dict, optional
        For each custom operation, the name of an equivalent operation in docs/graphs.md, or a dict of `op`
        and options.
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
    >>> report = verify(from_edugrad(loss, module=model))
    """
    if not all(hasattr(output, field) for field in ("value", "parents", "grad")):
        raise refused("output", "a live edugrad.Tensor, one number", type(output).__name__)
    if np.ndim(output.value) != 0:
        raise refused("output", "one number", f"shape {np.shape(output.value)}", "sum or average it")
    if not np.any(output.grad):
        remedy = "call backward() on this tensor first"
        raise refused("gradients", "gradients in .grad", "none", remedy)
    known_operations = operations or {}
    names_by_id = dict(_parameters(module, "")) if module is not None else {}
    names_by_id |= {id(tensor): name for name, tensor in (names or {}).items()}
    parameter_ids = None if module is None else {tensor_id for tensor_id, _ in _parameters(module, "")}
    order = _topological_order(output)
    data_ids = _data_ids(order, known_operations)
    parts, node_names = GraphParts(), dict[int, str]()
    for tensor in order:
        tensor_id = id(tensor)
        name = names_by_id.get(tensor_id) or tensor.name
        if tensor.parents:
            node_names[tensor_id] = _add_node(
                parts,
                tensor,
                name or "node",
                [node_names[id(parent)] for parent in tensor.parents],
                known_operations,
            )
        else:
            parameter = tensor_id not in data_ids and (parameter_ids is None or tensor_id in parameter_ids)
            gradient = None if tensor_id in data_ids else tensor.grad
            node_names[tensor_id] = parts.leaf(name or "leaf", tensor.value, gradient, parameter=parameter)
    return parts.finished(node_names[id(output)], fields)


def _add_node(
    parts: GraphParts, tensor: Any, name: str, args: list[str], operations: Mapping[str, Any]
) -> str:
    operation_name = str(tensor.name)
    operation = _table_operation(tensor, operations)
    if operation_name == "copy_rows" and operation_name not in operations:
        shape = (np.shape(tensor.value)[0], *(1,) * np.ndim(tensor.parents[0].value))
        args.append(parts.leaf(f"{name}.copies", np.zeros(shape), parameter=False))  # adding zeros broadcasts
        operation = ("add", {})
    if operation is None:
        table_name = str(operations.get(operation_name, operation_name))
        suggestion = suggest_name(table_name, OPERATIONS)
        remedy = _REMEDY.format(name=operation_name)
        if suggestion.startswith("did"):
            remedy = suggestion if operation_name in operations else f"{suggestion}; else {remedy}"
        parts.refuse(operation_name, f"the operation {table_name[:60]!r}", remedy)
        return name
    return parts.node(name, operation[0], args, operation[1], gradient=tensor.grad, value=tensor.value)


def _table_operation(tensor: Any, operations: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the operation and its options; None if it is unknown."""
    operation_name = str(tensor.name)
    replacement = operations.get(operation_name)
    if isinstance(replacement, Mapping):
        return str(replacement.get("op")), {key: value for key, value in replacement.items() if key != "op"}
    name = str(replacement) if replacement is not None else NAMES.get(operation_name, operation_name)
    if name not in OPERATIONS:
        return None
    if name == "power":
        return name, {"exponent": _context_number(tensor)}
    return name, {}


def _context_number(tensor: Any) -> float:
    """Return the number in an operation's context, which is the exponent of a power."""
    context = getclosurevars(tensor._backward).nonlocals.get("ctx", ())
    return next((float(item) for item in context if isinstance(item, int | float)), 1.0)


def _data_ids(order: list[Any], operations: Mapping[str, Any]) -> set[int]:
    """Return the ids of leaves that are indices or targets, which have no gradient."""
    ids: set[int] = set()
    for tensor in order:
        operation = _table_operation(tensor, operations) if tensor.parents else None
        row = OPERATIONS.get(operation[0]) if operation is not None else None
        ids |= {
            id(tensor.parents[place]) for place in (row.data if row else ()) if place < len(tensor.parents)
        }
    return ids


def _parameters(module: Any, prefix: str) -> Iterator[tuple[int, str]]:
    """Yield the id and the name of each parameter of a module and its submodules."""
    for name, tensor in module._params.items():
        yield id(tensor), f"{prefix}{name}"
    for name, inner in module._modules.items():
        yield from _parameters(inner, f"{prefix}{name}.")


def _topological_order(output: Any) -> list[Any]:
    """Return all tensors in topological order, parents first, without recursion."""
    order: list[Any] = []
    seen: set[int] = set()
    stack: list[tuple[Any, bool]] = [(output, False)]
    while stack:
        tensor, parents_done = stack.pop()
        if parents_done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack += [(parent, False) for parent in reversed(tensor.parents)]
    return order
