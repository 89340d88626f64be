"""The document's nodes: what each is, in an order in which all can be computed, with its shape."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.graph.order import first_cycle, topological_order
from verifier.documents.mistakes import MOST, Mistakes, at, check_fields, nearest, read_choice, shown
from verifier.graphs.operation import Fit, GraphOperation, Node
from verifier.graphs.operations import OPERATIONS
from verifier.graphs.reading.leaves import read_name
from verifier.graphs.shapes import MisfitError, Shape

_FIELDS = ("name", "op", "args")
MOST_NUMBERS = 1 << 24  # of all nodes' values together


@dataclass(frozen=True, slots=True)
class Written:
    """A node as it is written. args: names, and numbers as they stand."""

    name: str
    operation: GraphOperation
    args: tuple[str | float, ...]
    options: dict[str, Any]
    pointer: str


@dataclass(frozen=True, slots=True)
class Leaves:
    """What is given: inputs and parameters by name; None for those that hold a mistake."""

    inputs: Mapping[str, Array | None]
    parameters: Mapping[str, Array | None]

    def names(self) -> list[str]:
        return [*self.inputs, *self.parameters]


def read_written(
    documents: list[Any], pointer: str, taken: Collection[str], mistakes: Mistakes
) -> list[Written]:
    """Read every node by itself; names are settled first, so that operands may stand in any order."""
    found: list[Written] = []
    names: dict[str, str] = dict.fromkeys(taken, "an input or parameter")
    for index, document in enumerate(documents):
        own = at(pointer, index)
        if not isinstance(document, dict):
            mistakes.add(
                own, 'a node, such as {"name": "h", "op": "add", "args": ["x", "y"]}', shown(document)
            )
            continue
        name = _name(document, own, names, mistakes)
        operation = _operation(document, own, mistakes)
        args = _args(document, operation, own, mistakes)
        if operation is not None:
            check_fields(document, (*_FIELDS, *operation.options), own, mistakes)
            for field in operation.needed:
                if field not in document:
                    mistakes.add(
                        at(own, field), f"the field {field!r} of {operation.name}", "nothing", "add it"
                    )
        if name is not None and operation is not None and args is not None:
            options = {key: document[key] for key in operation.options if key in document}
            if all(field in options for field in operation.needed):
                found.append(Written(name, operation, args, options, own))
    return found


def _name(document: dict[str, Any], pointer: str, names: dict[str, str], mistakes: Mistakes) -> str | None:
    name = read_name(document.get("name"), at(pointer, "name"), mistakes)
    if name is not None and name in names:
        mistakes.add(
            at(pointer, "name"), "a name of its own", f"{name!r}, which {names[name]} has", "rename one"
        )
        return None
    if name is not None:
        names[name] = pointer
    return name


def _operation(document: dict[str, Any], pointer: str, mistakes: Mistakes) -> GraphOperation | None:
    name = read_choice(document.get("op"), OPERATIONS, at(pointer, "op"), mistakes)
    return None if name is None else OPERATIONS[name]


def _args(
    document: dict[str, Any], operation: GraphOperation | None, pointer: str, mistakes: Mistakes
) -> tuple[str | float, ...] | None:
    given, own = document.get("args"), at(pointer, "args")
    if not isinstance(given, list | tuple):
        mistakes.add(own, "a list of operands, names or numbers", shown(given))
        return None
    wrong = [place for place, each in enumerate(given) if not _is_operand(each)]
    for place in wrong:
        mistakes.add(at(own, place), "the name of an operand, or a finite number", shown(given[place]))
    if operation is not None:
        least, most = operation.operands
        if len(given) < least or (most is not None and len(given) > most):
            rule = (
                f"{least} operand{'' if least == 1 else 's'}"
                if most == least
                else f"at least {least} operand"
            )
            mistakes.add(own, f"{rule} of {operation.name}", f"{len(given)}")
            return None
    return None if wrong else tuple(each if isinstance(each, str) else float(each) for each in given)


def _is_operand(value: Any) -> bool:
    if isinstance(value, str):
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308


def in_order(
    written: list[Written], pointer: str, known: Collection[str], mistakes: Mistakes
) -> list[Written]:
    """Put nodes behind all that they depend on; none where that cannot be."""
    by_name = {node.name: node for node in written}
    names = list(dict.fromkeys([*known, *by_name]))
    everything = set(names)
    unknown = False
    for node in written:
        for place, arg in enumerate(node.args):
            if isinstance(arg, str) and arg not in everything:
                unknown = True
                where = at(node.pointer, "args", place)
                mistakes.add(
                    where, "the name of an input, parameter or node", f"{arg[:60]!r}", nearest(arg, names)
                )

    def operands_of(name: str) -> list[str]:
        return [arg for arg in by_name[name].args if isinstance(arg, str) and arg in by_name]

    if cycle := first_cycle(by_name, operands_of):
        shown_path = " -> ".join(cycle if len(cycle) <= 12 else [*cycle[:6], "…", *cycle[-5:]])
        mistakes.add(
            by_name[cycle[0]].pointer,
            "a graph without cycles",
            f"{shown_path}: each would be needed to compute itself",
            "make a new node for every step of a recurrence",
        )
        return []
    return [] if unknown else [by_name[name] for name in topological_order(by_name, operands_of, str)]


def fitted(ordered: list[Written], leaves: Leaves, mistakes: Mistakes) -> tuple[list[Node], dict[str, Array]]:
    """Give nodes with their shapes, and the numbers that stand among operands by names of their own."""
    values = {**leaves.inputs, **leaves.parameters}
    shapes: dict[str, Shape] = {name: tuple(own.shape) for name, own in values.items() if own is not None}
    constants: dict[str, Array] = {}
    nodes: list[Node] = []
    fits: dict[tuple[object, ...], Fit] = {}
    total = 0
    for written in ordered:
        if len(mistakes.found) > MOST:
            break
        operands = _operands(written, shapes, constants)
        if any(operand not in shapes for operand in operands):
            continue  # what is wrong with an operand was said there
        own_shapes = tuple(shapes[operand] for operand in operands)
        data = _data(written, operands, leaves, mistakes)
        if data is None:
            continue
        try:
            fit = _fit(written, own_shapes, fits)
            total += prod(fit.shape)
            if total > MOST_NUMBERS:
                rule = f"at most {MOST_NUMBERS} numbers in all nodes"
                raise MisfitError(
                    rule, f"{total} up to {written.name}, of shape {fit.shape}", "use smaller arrays"
                )
            for values_read in data.values():
                if rule := written.operation.check_data(fit.options, own_shapes, values_read):
                    raise MisfitError(rule, "others")
        except MisfitError as error:
            field = "args" if error.field is None else error.field
            where = (
                written.pointer
                if field not in (*_FIELDS, *written.operation.options)
                else at(written.pointer, field)
            )
            found = f"{error.found} in {written.name}" if error.field is None else error.found
            mistakes.add(where, error.expected, found, error.remedy)
            if total > MOST_NUMBERS:
                break
            continue
        shapes[written.name] = fit.shape
        nodes.append(
            Node(written.name, written.operation, operands, fit.options, own_shapes, fit.shape, data)
        )
    return nodes, constants


def _fit(written: Written, shapes: tuple[Shape, ...], known: dict[tuple[object, ...], Fit]) -> Fit:
    """Fit what is alike once: nodes that share options may be computed together. Raises: MisfitError."""
    key = (written.operation.name, shapes, repr(sorted(written.options.items())))
    if key not in known:
        known[key] = written.operation.fit(written.options, shapes)
    return known[key]


def _operands(written: Written, shapes: dict[str, Shape], constants: dict[str, Array]) -> tuple[str, ...]:
    found = []
    for place, arg in enumerate(written.args):
        if isinstance(arg, float):
            name = f"{written.name}[{place}]"  # no name of a document has brackets
            constants[name], shapes[name] = np.asarray(arg), ()
            found.append(name)
        else:
            found.append(arg)
    return tuple(found)


def _data(
    written: Written, operands: tuple[str, ...], leaves: Leaves, mistakes: Mistakes
) -> dict[int, Array] | None:
    """Give what is read and not differentiated; only inputs may stand there."""
    found = {}
    for place in written.operation.data:
        values = leaves.inputs.get(operands[place])
        if values is None:
            rule = f"an input, whose numbers {written.operation.name} reads and does not differentiate"
            where = at(written.pointer, "args", place)
            mistakes.add(where, rule, f"{operands[place][:60]!r}", "give targets and indices as inputs")
            return None
        found[place] = values
    return found
