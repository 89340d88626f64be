"""Read the document's nodes in topological order, with their shapes."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.graph.order import first_cycle, topological_order
from verifier.engine.operations import OPERATIONS
from verifier.engine.operations.steps import steps_of
from verifier.problem.errors import (
    MOST,
    ErrorCollector,
    Path,
    check_fields,
    describe,
    json_pointer,
    read_choice,
    suggest_name,
)
from verifier.problem.graph import INPUT, NODE, GraphOperation, InferredNode, MisfitError, Node, Shape

_NAME = re.compile(r"[^\s\[\]]{1,100}")
_RULE = "a name of 1 to 100 characters that print, without spaces and [ ]"


def read_name(value: Any, path: Path, errors: ErrorCollector) -> str | None:
    """Return a valid name of an operand; None after an error."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or not value.isprintable():
        errors.add(path, _RULE, describe(value))
        return None
    if value.startswith((INPUT, NODE)):
        remedy = f"gradients of inputs and nodes are named so; call it {value.partition('.')[2] or 'x'!r}"
        errors.add(path, f"a name that does not begin with {INPUT!r} or {NODE!r}", describe(value), remedy)
        return None
    return value


_FIELDS = ("name", "op", "args")
MOST_NUMBERS = 1 << 24  # in the values of all nodes together


@dataclass(frozen=True, slots=True)
class ParsedNode:
    """A node of the document, before its operands are resolved. args: names and numbers."""

    name: str
    operation: GraphOperation
    args: tuple[str | float, ...]
    options: dict[str, Any]
    path: Path


@dataclass(frozen=True, slots=True)
class Leaves:
    """Inputs and parameters by name; None for malformed ones."""

    inputs: Mapping[str, Array | None]
    parameters: Mapping[str, Array | None]

    def names(self) -> list[str]:
        """Return the names of all inputs and parameters."""
        return [*self.inputs, *self.parameters]


def parse_nodes(
    documents: list[Any], path: Path, taken: Collection[str], errors: ErrorCollector
) -> list[ParsedNode]:
    """Return the valid nodes, in the order of the document. Operands may follow their users.

    taken: the names of inputs and parameters.
    """
    nodes: list[ParsedNode] = []
    names: dict[str, str | Path] = dict.fromkeys(taken, "an input or parameter")
    for index, document in enumerate(documents):
        node_path = (*path, index)
        if not isinstance(document, dict):
            errors.add(
                node_path,
                'a node, such as {"name": "h", "op": "add", "args": ["x", "y"]}',
                describe(document),
            )
            continue
        name = _name(document, node_path, names, errors)
        operation = _operation(document, node_path, errors)
        args = _args(document, operation, node_path, errors)
        if operation is not None:
            check_fields(document, (*_FIELDS, *operation.options), node_path, errors)
            for field in operation.needed:
                if field not in document:
                    errors.add(
                        (*node_path, field),
                        f"the field {field!r} of {operation.name}",
                        "nothing",
                        "add it",
                    )
        if name is not None and operation is not None and args is not None:
            options = {key: document[key] for key in operation.options if key in document}
            if all(field in options for field in operation.needed):
                nodes.append(ParsedNode(name, operation, args, options, node_path))
    return nodes


def _name(
    document: dict[str, Any], path: Path, names: dict[str, str | Path], errors: ErrorCollector
) -> str | None:
    name = read_name(document.get("name"), (*path, "name"), errors)
    if name is not None and name in names:
        errors.add(
            (*path, "name"),
            "a name of its own",
            f"{name!r}, which {_holder(names[name])} has",
            "rename one",
        )
        return None
    if name is not None:
        names[name] = path
    return name


def _holder(holder: str | Path) -> str:
    return holder if isinstance(holder, str) else json_pointer(holder)


def _operation(document: dict[str, Any], path: Path, errors: ErrorCollector) -> GraphOperation | None:
    name = read_choice(document.get("op"), OPERATIONS, (*path, "op"), errors)
    return None if name is None else OPERATIONS[name]


def _args(
    document: dict[str, Any], operation: GraphOperation | None, path: Path, errors: ErrorCollector
) -> tuple[str | float, ...] | None:
    args, args_path = document.get("args"), (*path, "args")
    if not isinstance(args, list | tuple):
        errors.add(args_path, "a list of operands, names or numbers", describe(args))
        return None
    invalid = [index for index, arg in enumerate(args) if not _is_operand(arg)]
    for index in invalid:
        errors.add(
            (*args_path, index),
            "the name of an operand, or a finite number",
            describe(args[index]),
        )
    if operation is not None:
        least, most = operation.operands
        if len(args) < least or (most is not None and len(args) > most):
            rule = (
                f"{least} operand{'' if least == 1 else 's'}"
                if most == least
                else f"at least {least} operand"
            )
            errors.add(args_path, f"{rule} of {operation.name}", f"{len(args)}")
            return None
    return None if invalid else tuple(arg if isinstance(arg, str) else float(arg) for arg in args)


def _is_operand(value: Any) -> bool:
    if isinstance(value, str):
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308


def topologically_sorted(
    written: list[ParsedNode], known: Collection[str], errors: ErrorCollector
) -> list[ParsedNode]:
    """Return the nodes in topological order; an empty list after an error.

    known: all names that operands may have.
    """
    by_name = {node.name: node for node in written}
    names = list(dict.fromkeys([*known, *by_name]))
    all_names = set(names)
    has_unknown = False
    for node in written:
        for index, arg in enumerate(node.args):
            if isinstance(arg, str) and arg not in all_names:
                has_unknown = True
                arg_path = (*node.path, "args", index)
                errors.add(
                    arg_path,
                    "the name of an input, parameter or node",
                    f"{arg[:60]!r}",
                    suggest_name(arg, names),
                )

    def operands_of(name: str) -> list[str]:
        return [arg for arg in by_name[name].args if isinstance(arg, str) and arg in by_name]

    if cycle := first_cycle(by_name, operands_of):
        shown_path = " -> ".join(cycle if len(cycle) <= 12 else [*cycle[:6], "…", *cycle[-5:]])
        errors.add(
            by_name[cycle[0]].path,
            "a graph without cycles",
            f"{shown_path}: each would be needed to compute itself",
            "make a new node for every step of a recurrence",
        )
        return []
    return [] if has_unknown else [by_name[name] for name in topological_order(by_name, operands_of, str)]


def infer_shapes(
    ordered: list[ParsedNode], leaves: Leaves, errors: ErrorCollector
) -> tuple[list[Node], dict[str, Array]]:
    """Return the nodes with their shapes, and the numbers among operands as named constants."""
    values = {**leaves.inputs, **leaves.parameters}
    shapes: dict[str, Shape] = {
        name: tuple(array.shape) for name, array in values.items() if array is not None
    }
    constants: dict[str, Array] = {}
    nodes: list[Node] = []
    fits: dict[tuple[object, ...], InferredNode] = {}
    total = 0
    for written in ordered:
        if len(errors.records) > MOST:
            break
        operands = _operands(written, shapes, constants)
        if any(operand not in shapes for operand in operands):
            continue  # the error of the operand is noted already
        operand_shapes = tuple(shapes[operand] for operand in operands)
        data = _data(written, operands, leaves, errors)
        if data is None:
            continue
        try:
            fit = _cached_fit(written, operand_shapes, fits)
            total += prod(fit.shape)
            if total > MOST_NUMBERS:
                rule = f"at most {MOST_NUMBERS} numbers in all nodes"
                raise MisfitError(
                    rule, f"{total} up to {written.name}, of shape {fit.shape}", "use smaller arrays"
                )
            for values_read in data.values():
                if rule := written.operation.check_data(fit.options, operand_shapes, values_read):
                    raise MisfitError(rule, "others")
        except MisfitError as error:
            field = "args" if error.field is None else error.field
            error_path = (
                written.path
                if field not in (*_FIELDS, *written.operation.options)
                else (*written.path, field)
            )
            actual = f"{error.actual} in {written.name}" if error.field is None else error.actual
            errors.add(error_path, error.expected, actual, error.remedy)
            if total > MOST_NUMBERS:
                break
            continue
        shapes[written.name] = fit.shape
        node = Node(written.name, written.operation, operands, fit.options, operand_shapes, fit.shape, data)
        if written.operation.steps is None:
            nodes.append(node)
            continue
        steps, constants_of_steps = steps_of(node)
        total += sum(prod(step.shape) for step in steps[:-1])
        nodes += steps
        constants |= constants_of_steps
    return nodes, constants


def _cached_fit(
    written: ParsedNode, shapes: tuple[Shape, ...], known: dict[tuple[object, ...], InferredNode]
) -> InferredNode:
    """Return the shape and options of a node, equal ones once, so that nodes can share options.

    Raises: MisfitError.
    """
    key = (written.operation.name, shapes, repr(sorted(written.options.items())))
    if key not in known:
        known[key] = written.operation.fit(written.options, shapes)
    return known[key]


def _operands(written: ParsedNode, shapes: dict[str, Shape], constants: dict[str, Array]) -> tuple[str, ...]:
    names = []
    for index, arg in enumerate(written.args):
        if isinstance(arg, float):
            name = f"{written.name}[{index}]"  # names in documents have no brackets
            constants[name], shapes[name] = np.asarray(arg), ()
            names.append(name)
        else:
            names.append(arg)
    return tuple(names)


def _data(
    written: ParsedNode, operands: tuple[str, ...], leaves: Leaves, errors: ErrorCollector
) -> dict[int, Array] | None:
    """Return the arrays of operands that are not differentiated, by position. They must be inputs."""
    arrays = {}
    for place in written.operation.data:
        values = leaves.inputs.get(operands[place])
        if values is None:
            rule = f"an input, whose numbers {written.operation.name} reads and does not differentiate"
            where = (*written.path, "args", place)
            errors.add(where, rule, f"{operands[place][:60]!r}", "give targets and indices as inputs")
            return None
        arrays[place] = values
    return arrays
