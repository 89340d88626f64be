"""Choices to a document: every step a node where that can be, and at the end one number."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.drawing.domain import ANY, Domain
from verifier.graphs.drawing.forms import FORMS, Form
from verifier.graphs.operation import Fit, GraphOperation, Node
from verifier.graphs.operations import OPERATIONS
from verifier.graphs.shapes import MisfitError, Shape

Choose = Callable[[int], int]
Numbers = Callable[[Shape, Domain], Array]

SHAPES: tuple[Shape, ...] = (
    *((), (1,), (2,), (3,), (1, 2), (2, 1), (2, 2), (2, 3), (3, 3)),
    *((2, 1, 3), (2, 2, 3)),
)
LARGEST = 10.0  # what no value of a node exceeds, so that nothing overflows farther on
MOST_ENTRIES = 24  # of one node
_MORE = 3  # nodes that one more step may ask for: its own, and until it is part of the output
_IDLE = 8  # one node of so many that nobody uses stays so
_MANY = 16  # how many choices there are among forms, operands, shapes
_KINDS = 5  # of operands: most often what nobody uses yet, so that graphs grow together
_UNUSED, _UNUSED_TOO, _NEW, _USED, _NEW_INPUT = range(_KINDS)

New = dict[str, tuple[str, Array]]


class Growth:
    """A graph in growth: what is there, with its values, and what nobody uses yet.

    choose: gives one of so many, 0 being the simplest. numbers: gives the values of what is new. most: nodes.
    """

    def __init__(self, choose: Choose, numbers: Numbers, most: int) -> None:
        self._choose, self._numbers, self._most = choose, numbers, most
        self._nodes: list[dict[str, Any]] = []
        self._leaves: dict[str, dict[str, Array]] = {"inputs": {}, "parameters": {}}
        self._values: dict[str, Array] = {}
        self._unused: dict[str, None] = {}
        self._data: set[str] = set()

    @property
    def has_room(self) -> bool:
        """Whether one more step fits, whatever it makes."""
        return not self._nodes or self._size + _MORE <= self._most

    def take(self, operation: GraphOperation) -> None:
        """Add a node of an operation, unless nothing fits or its numbers grow too large."""
        forms = FORMS[operation.name]
        form = forms[self._choose(_MANY) % len(forms)]
        operands: list[str | float] = []
        new: New = {}
        for domain in form.domains:
            found = self._operand(operation, form, domain, operands, new)
            if found is None:
                return
            operands.append(found)
        first = self._value(operands[0], new).shape
        if form.data is not None:
            shapes = form.data(first)
            shape, domain = shapes[self._choose(_MANY) % len(shapes)]
            operands.append(self._leaf(new, "inputs", self._numbers(shape, domain)))
        self._add(operation, operands, new, dict(form.options(first)))

    def document(self) -> dict[str, Any] | None:
        """Make one number of what nobody uses, but for some, and give the document; None for no node.

        It has no gradients, and its arrays are arrays.
        """
        if not self._nodes:
            return None
        *others, last = self._unused
        ends = [*(name for name in others if self._choose(_IDLE) != _IDLE - 1), last]
        room = self._most - self._size
        total = ""
        for name in ends:
            before = len(self._nodes)
            end = self._number(name, room > 0)
            room -= max(0, len(self._nodes) - before - 1)
            total = self._joined("add", total, end) if total else end
        return {
            "network": {"inputs": list(self._leaves["inputs"]), "nodes": self._nodes, "output": total},
            **self._leaves,
            "gradients": {},
        }

    @property
    def _size(self) -> int:
        """How many nodes the document would have now, every end made one number in the shortest way."""
        return len(self._nodes) + sum(1 + (self._values[name].size > 1) for name in self._unused) - 1

    def _operand(
        self,
        operation: GraphOperation,
        form: Form,
        domain: Domain,
        before: Sequence[str | float],
        new: New,
    ) -> str | float | None:
        """Choose what stands next: something nobody uses yet, something new, or something used.

        None where nothing fits.
        """
        if form.numbers and before:
            return float(self._numbers((), domain))
        shapes = [self._value(own, new).shape for own in before]

        def fits(shape: Shape) -> bool:
            return _fits(operation, form, (*shapes, shape))

        there = [
            name
            for name in reversed(self._values)
            if name not in self._data and fits(self._values[name].shape) and domain.holds(self._values[name])
        ]
        kind, which = self._choose(_KINDS), self._choose(_MANY)  # always both, so that choices stay in step
        wanted = [name for name in there if (name in self._unused) == (kind != _USED)]
        if kind in (_UNUSED, _UNUSED_TOO, _USED) and wanted:
            return wanted[which % len(wanted)]
        fresh = [shape for shape in _shapes_beside(shapes) if fits(shape)]
        if not fresh:
            return None
        values = self._numbers(fresh[which % len(fresh)], domain)
        return self._leaf(new, "inputs" if kind == _NEW_INPUT else "parameters", values)

    def _leaf(self, new: New, field: str, values: Array) -> str:
        count = len(self._leaves["inputs"]) + len(self._leaves["parameters"]) + len(new)
        name = f"{field[0]}{count + 1}"
        new[name] = (field, np.asarray(values, dtype=np.float64))
        return name

    def _value(self, operand: str | float, new: New) -> Array:
        if isinstance(operand, float):
            return np.asarray(operand)
        return new[operand][1] if operand in new else self._values[operand]

    @np.errstate(all="ignore")
    def _add(
        self, operation: GraphOperation, operands: Sequence[str | float], new: New, options: dict[str, Any]
    ) -> None:
        given = [self._value(own, new) for own in operands]
        shapes = tuple(own.shape for own in given)
        fit = _fit(operation, options, shapes)
        if fit is None:
            return
        name = f"n{len(self._nodes) + 1}"
        data = {place: given[place] for place in operation.data}
        node = Node(name, operation, tuple(map(str, operands)), fit.options, shapes, fit.shape, data)
        value = np.asarray(operation.value(FLOATS, node, given))
        if value.size > MOST_ENTRIES or not value.size or not (np.abs(value) <= LARGEST).all():
            return
        for own, (field, values) in new.items():
            self._leaves[field][own] = self._values[own] = values
        self._data.update(str(operands[place]) for place in operation.data)
        for operand in operands:
            self._unused.pop(str(operand), None)
        self._nodes.append({"name": name, "op": operation.name, "args": list(operands), **options})
        self._values[name] = value
        self._unused[name] = None

    def _number(self, name: str, has_room: bool) -> str:
        """Sum, average, weigh and sum, or hold against targets."""
        shape = self._values[name].shape
        if self._values[name].size == 1:
            return name
        ways = ["sum", "mean", *(["mse"] if len(shape) < 3 else []), *(["multiply"] if has_room else [])]
        way = ways[self._choose(len(ways))]
        if way == "mse":
            return self._joined("mse", name, self._new_input(shape))
        if way == "multiply":
            name, way = self._joined("multiply", name, self._new_input(shape)), "sum"
        return self._joined(way, name)

    def _new_input(self, shape: Shape) -> str:
        new: New = {}
        name = self._leaf(new, "inputs", self._numbers(shape, ANY))
        self._leaves["inputs"][name] = self._values[name] = new[name][1]
        return name

    def _joined(self, op: str, *operands: str) -> str:
        name = f"n{len(self._nodes) + 1}"
        self._nodes.append({"name": name, "op": op, "args": list(operands)})
        given = [self._values[own] for own in operands]
        shapes = tuple(own.shape for own in given)
        fit = OPERATIONS[op].fit({}, shapes)
        node = Node(name, OPERATIONS[op], operands, fit.options, shapes, fit.shape)
        self._values[name] = np.asarray(OPERATIONS[op].value(FLOATS, node, given))
        return name


def _fits(operation: GraphOperation, form: Form, shapes: tuple[Shape, ...]) -> bool:
    """Say whether operands of these shapes, the first of all, may stand together."""
    if not form.first(shapes[0]):
        return False
    if form.data is not None or len(shapes) < operation.operands[0]:
        return True
    return _fit(operation, dict(form.options(shapes[0])), shapes) is not None


def _fit(operation: GraphOperation, options: dict[str, Any], shapes: tuple[Shape, ...]) -> Fit | None:
    try:
        return operation.fit(options, shapes)
    except MisfitError:
        return None


def _shapes_beside(shapes: Sequence[Shape]) -> list[Shape]:
    """Give shapes for something new, simplest first, and before them those that suit what is there."""
    beside: list[Shape] = []
    for shape in shapes[:1]:
        beside = [shape, shape[-1:], (*shape[-1:], 1), (*shape[-1:], 2), (*shape[:-1], 1)]
    return list(dict.fromkeys((*beside, *SHAPES)))
