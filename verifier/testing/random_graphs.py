"""Draw a random graph from a seed, with values in general position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.operations import OPERATIONS
from verifier.problem.graph import GraphOperation, InferredNode, MisfitError, Node, Shape
from verifier.testing.operand_domains import ANY, OperandDomain, OperationForm
from verifier.testing.random_graph_forms import BASIC_OPERATIONS, FORMS

Choose = Callable[[int], int]
Numbers = Callable[[Shape, OperandDomain], Array]

SHAPES: tuple[Shape, ...] = (
    *((), (1,), (2,), (3,), (1, 2), (2, 1), (2, 2), (2, 3), (3, 3)),
    *((2, 1, 3), (2, 2, 3)),
)
LARGEST = 10.0  # bound on the value of a node, so that later nodes do not overflow
MOST_ENTRIES = 24  # per node
_NODES_PER_STEP = 3  # nodes that a step needs at most: its own, and those that connect it to the output
_UNUSED_FRACTION = 8  # one in 8 unused nodes is not connected to the output
_CHOICES = 16  # number of choices among forms, operands and shapes
_KINDS = 5  # kinds of operands; unused nodes are the most frequent, so that the graph is connected
_UNUSED, _UNUSED_TOO, _NEW, _USED, _NEW_INPUT = range(_KINDS)

New = dict[str, tuple[str, Array]]


@dataclass(frozen=True, slots=True)
class GraphLimits:
    """Limits of generated graphs, for a function that does not support everything.

    dimensions: the numbers of axes that tensors may have; None for up to 3.
    axes: False for no reductions along single axes.
    broadcasting: False for operands of equal shapes alone.
    reductions: operations that may reduce the graph to one number, among those of `REDUCTIONS`.
    """

    dimensions: tuple[int, ...] | None = None
    axes: bool = True
    broadcasting: bool = True
    reductions: tuple[str, ...] = ("sum", "mean", "mse", "multiply", "add")

    def allow_rank(self, rank: int) -> bool:
        """True if tensors may have this number of axes."""
        return self.dimensions is None or rank in self.dimensions

    def allow_operands(self, operation: GraphOperation, shapes: Sequence[Shape]) -> bool:
        """True if an operation may have operands of these shapes."""
        return self.broadcasting or not operation.broadcasts or len(set(shapes)) == 1

    def allow_options(self, options: dict[str, Any]) -> bool:
        """True if a reduction may have these options."""
        return self.axes or not {"axis", "keepdims"} & options.keys()


EVERYTHING = GraphLimits()


class GraphBuilder:
    """Builder of a random graph, which keeps the nodes, their values and the names of unused nodes.

    choose: function of a count that returns an index below it; 0 is the simplest choice.
    numbers: function of (shape, domain) that returns the values of a new leaf.
    most: bound on the number of nodes.
    """

    def __init__(self, choose: Choose, numbers: Numbers, most: int, limits: GraphLimits = EVERYTHING) -> None:
        self._choose, self._numbers, self._most, self._limits = choose, numbers, most, limits
        self._nodes: list[dict[str, Any]] = []
        self._leaves: dict[str, dict[str, Array]] = {"inputs": {}, "parameters": {}}
        self._values: dict[str, Array] = {}
        self._unused: dict[str, None] = {}
        self._data: set[str] = set()

    @property
    def has_room(self) -> bool:
        """True if another step fits, whichever node it adds."""
        return not self._nodes or self._size + _NODES_PER_STEP <= self._most

    def take(self, operation: GraphOperation) -> None:
        """Add a node with this operation, unless no operand fits or its value is too large."""
        forms = FORMS[operation.name]
        form = forms[self._choose(_CHOICES) % len(forms)]
        operands: list[str | float] = []
        new: New = {}
        for domain in form.domains:
            operand = self._choose_operand(operation, form, domain, operands, new)
            if operand is None:
                return
            operands.append(operand)
        first = self._value(operands[0], new).shape
        if not self._limits.allow_options(dict(form.options(first))):
            return
        if form.data is not None:
            shapes = form.data(first)
            shape, domain = shapes[self._choose(_CHOICES) % len(shapes)]
            place = len(operands) if form.place is None else form.place
            operands.insert(place, self._new_leaf(new, "inputs", self._numbers(shape, domain)))
        self._add(operation, operands, new, dict(form.options(first)))

    def document(self) -> dict[str, Any] | None:
        """Reduce most unused nodes to one number and return the document; None if there are no nodes.

        The document contains numpy arrays and no gradients.
        """
        if not self._nodes:
            return None
        *others, last = self._unused
        ends = [*(name for name in others if self._choose(_UNUSED_FRACTION) != _UNUSED_FRACTION - 1), last]
        room = self._most - self._size
        total = ""
        for name in ends:
            before = len(self._nodes)
            end = self._reduce(name, room > 0)
            room -= max(0, len(self._nodes) - before - 1)
            if end is not None and (not total or "add" in self._limits.reductions):
                total = self._add_node("add", total, end) if total else end
        if not total:
            return None
        return {
            "network": {"inputs": list(self._leaves["inputs"]), "nodes": self._nodes, "output": total},
            **self._leaves,
            "gradients": {},
        }

    @property
    def _size(self) -> int:
        """Number of nodes if the document were finished now with the fewest additional nodes."""
        return len(self._nodes) + sum(1 + (self._values[name].size > 1) for name in self._unused) - 1

    def _choose_operand(
        self,
        operation: GraphOperation,
        form: OperationForm,
        domain: OperandDomain,
        before: Sequence[str | float],
        new: New,
    ) -> str | float | None:
        """Return the next operand: an unused node, a new leaf, or a used node; None if nothing fits."""
        if form.numbers and before:
            return float(self._numbers((), domain))
        shapes = [self._value(operand, new).shape for operand in before]

        wanted = None if form.shapes is None or not shapes else form.shapes(shapes[0])[len(shapes) - 1]

        def fits(shape: Shape) -> bool:
            if not self._limits.allow_rank(len(shape)):
                return False
            if wanted is not None:
                return shape == wanted
            if not self._limits.allow_operands(operation, (*shapes, shape)):
                return False
            return _fits(operation, form, (*shapes, shape))

        fitting = [
            name
            for name in reversed(self._values)
            if name not in self._data and fits(self._values[name].shape) and domain.holds(self._values[name])
        ]
        # always two choices, so that the following ones keep their position while shrinking
        kind, index = self._choose(_KINDS), self._choose(_CHOICES)
        candidates = [name for name in fitting if (name in self._unused) == (kind != _USED)]
        if kind in (_UNUSED, _UNUSED_TOO, _USED) and candidates:
            return candidates[index % len(candidates)]
        candidate_shapes = _candidate_shapes(shapes) if wanted is None else [wanted]
        new_shapes = [shape for shape in candidate_shapes if fits(shape)]
        if not new_shapes:
            return None
        values = self._numbers(new_shapes[index % len(new_shapes)], domain)
        if not domain.holds(values):
            return None
        return self._new_leaf(new, "inputs" if kind == _NEW_INPUT else "parameters", values)

    def _new_leaf(self, new: New, field: str, values: Array) -> str:
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
        operand_values = [self._value(operand, new) for operand in operands]
        shapes = tuple(array.shape for array in operand_values)
        fit = _fit(operation, options, shapes)
        if fit is None:
            return
        name = f"n{len(self._nodes) + 1}"
        data = {place: operand_values[place] for place in operation.data}
        node = Node(name, operation, tuple(map(str, operands)), fit.options, shapes, fit.shape, data)
        value = np.asarray(operation.value(FLOATS, node, operand_values))
        if value.size > MOST_ENTRIES or not value.size or not (np.abs(value) <= LARGEST).all():
            return
        if not self._limits.allow_rank(value.ndim):
            return
        for leaf, (field, values) in new.items():
            self._leaves[field][leaf] = self._values[leaf] = values
        self._data.update(str(operands[place]) for place in operation.data)
        for operand in operands:
            self._unused.pop(str(operand), None)
        self._nodes.append({"name": name, "op": operation.name, "args": list(operands), **options})
        self._values[name] = value
        self._unused[name] = None

    def _reduce(self, name: str, has_room: bool) -> str | None:
        """Reduce a node to one number by a sum, a mean, a weighted sum, or mse with new targets.

        Returns None where the limits allow no reduction.
        """
        shape = self._values[name].shape
        if self._values[name].size == 1:
            return name
        reductions = ["sum", "mean"]
        if len(shape) < 3:
            reductions.append("mse")
        if has_room:
            reductions.append("multiply")
        allowed = self._limits.reductions
        reductions = [row for row in reductions if row in allowed and (row != "multiply" or "sum" in allowed)]
        if not reductions:
            return None
        reduction = reductions[self._choose(len(reductions))]
        if reduction == "mse":
            return self._add_node("mse", name, self._new_input(shape))
        if reduction == "multiply":
            name, reduction = self._add_node("multiply", name, self._new_input(shape)), "sum"
        return self._add_node(reduction, name)

    def _new_input(self, shape: Shape) -> str:
        new: New = {}
        name = self._new_leaf(new, "inputs", self._numbers(shape, ANY))
        self._leaves["inputs"][name] = self._values[name] = new[name][1]
        return name

    def _add_node(self, op: str, *operands: str) -> str:
        name = f"n{len(self._nodes) + 1}"
        self._nodes.append({"name": name, "op": op, "args": list(operands)})
        values = [self._values[operand] for operand in operands]
        shapes = tuple(array.shape for array in values)
        fit = OPERATIONS[op].fit({}, shapes)
        node = Node(name, OPERATIONS[op], operands, fit.options, shapes, fit.shape)
        self._values[name] = np.asarray(OPERATIONS[op].value(FLOATS, node, values))
        return name


def _fits(operation: GraphOperation, form: OperationForm, shapes: tuple[Shape, ...]) -> bool:
    """True if operands of these shapes, the first ones of the node, are compatible."""
    if not form.first(shapes[0]):
        return False
    least = operation.operands[0] if operation.steps is None else len(form.domains)
    if form.data is not None or form.shapes is not None or len(shapes) < least:
        return True
    return _fit(operation, dict(form.options(shapes[0])), shapes) is not None


def _fit(
    operation: GraphOperation, options: dict[str, Any], shapes: tuple[Shape, ...]
) -> InferredNode | None:
    try:
        return operation.fit(options, shapes)
    except MisfitError:
        return None


def _candidate_shapes(shapes: Sequence[Shape]) -> list[Shape]:
    """Return shapes for a new leaf, first those that suit the first operand, then the simplest ones."""
    compatible: list[Shape] = []
    for shape in shapes[:1]:
        compatible = [shape, shape[-1:], (*shape[-1:], 1), (*shape[-1:], 2), (*shape[:-1], 1)]
    return list(dict.fromkeys((*compatible, *SHAPES)))


_TRIES_PER_NODE = 4  # some steps add no node
_MOST_TRIES = 1000


def seeded_graph(
    seed: int,
    most: int,
    operations: Sequence[str] = BASIC_OPERATIONS,
    limits: GraphLimits = EVERYTHING,
) -> dict[str, Any]:
    """Return a graph's document without gradients.

    most: bound on the number of nodes. Most graphs have nearly as many nodes.
    Raises: ValueError if the limits leave no graph.
    """
    rng = np.random.default_rng(seed)
    for _ in range(_MOST_TRIES):
        growth = GraphBuilder(
            lambda count: int(rng.integers(count)),
            lambda shape, domain: domain.drawn(rng, shape),
            most,
            limits,
        )
        for _ in range(_TRIES_PER_NODE * most):
            if growth.has_room:
                growth.take(OPERATIONS[str(rng.choice(operations))])
        document = growth.document()
        if document is not None:
            return document
    raise ValueError("no graph has these operations within these limits: allow more of both")
