"""Compositions: operations that are made of other operations, their steps.

A composition is written with operators and functions of `Step`, much as numpy code is. When a graph is
read, its steps take its place: all methods of differentiation, kinks and rounding errors follow from theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

import numpy as np

from reference_impl.array import Array
from verifier.engine.operations.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT
from verifier.engine.operations.functions import FUNCTIONS
from verifier.engine.operations.products import MATMUL
from verifier.engine.operations.reductions import MAX, MEAN, SUM
from verifier.engine.operations.rows import LOG_SOFTMAX
from verifier.engine.operations.selection import TAKE, WHERE
from verifier.engine.operations.shaping import CONCATENATE, RESHAPE, TRANSPOSE
from verifier.problem.errors import describe
from verifier.problem.graph import GraphOperation, InferredNode, MisfitError, Node, Shape

Operand = Union["Step", float, Array]
"""A step, or constant numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A value within a composition: an operand, a constant, or what an operation makes of others."""

    steps: "Steps"
    name: str
    shape: Shape
    __array_ufunc__ = None  # so that array + step calls the step's __radd__

    def __add__(self, other: Operand) -> "Step":
        return self.steps.apply(ADD, self, other)

    def __radd__(self, other: Operand) -> "Step":
        return self.steps.apply(ADD, other, self)

    def __sub__(self, other: Operand) -> "Step":
        return self.steps.apply(SUBTRACT, self, other)

    def __rsub__(self, other: Operand) -> "Step":
        return self.steps.apply(SUBTRACT, other, self)

    def __mul__(self, other: Operand) -> "Step":
        return self.steps.apply(MULTIPLY, self, other)

    def __rmul__(self, other: Operand) -> "Step":
        return self.steps.apply(MULTIPLY, other, self)

    def __truediv__(self, other: Operand) -> "Step":
        return self.steps.apply(DIVIDE, self, other)

    def __rtruediv__(self, other: Operand) -> "Step":
        return self.steps.apply(DIVIDE, other, self)

    def __matmul__(self, other: Operand) -> "Step":
        return self.steps.apply(MATMUL, self, other)

    def __neg__(self) -> "Step":
        return self.steps.apply(NEGATE, self)

    @property
    def rank(self) -> int:
        """Return the number of axes."""
        return len(self.shape)


class Steps:
    """The steps of one composition, in order.

    nodes, constants: named within the composition. operands: those of the composition.
    """

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self.operands = [Step(self, str(place), tuple(shape)) for place, shape in enumerate(shapes)]

    def constant(self, values: float | Array) -> Step:
        """Return a constant as a step."""
        array = np.asarray(values, dtype=np.float64)
        name = f"constant {len(self.constants)}"
        self.constants[name] = array
        return Step(self, name, tuple(array.shape))

    def apply(self, operation: GraphOperation, *operands: Operand, **options: Any) -> Step:
        """Return what an operation makes of operands. Raises: MisfitError."""
        steps = [operand if isinstance(operand, Step) else self.constant(operand) for operand in operands]
        shapes = tuple(step.shape for step in steps)
        fit = operation.fit(options, shapes)
        data = {place: self.constants[steps[place].name] for place in operation.data}
        count = sum(node.operation is operation for node in self.nodes)
        name = operation.name if not count else f"{operation.name} {count + 1}"
        names = tuple(step.name for step in steps)
        self.nodes.append(Node(name, operation, names, fit.options, shapes, fit.shape, data))
        return Step(self, name, fit.shape)


Build = Callable[..., Step]
"""(step or data of each operand, **options) -> the last step; raises MisfitError."""


def composed(
    name: str,
    description: str,
    build: Build,
    operands: tuple[int, int | None] = (1, 1),
    *,
    options: tuple[str, ...] = (),
    needed: tuple[str, ...] = (),
    data: tuple[int, ...] = (),
    check_data: Callable[[Any, tuple[Shape, ...], Array], str] = lambda options, shapes, values: "",
) -> GraphOperation:
    """Return a composition. build: takes arrays in place of steps for the operands in `data`."""

    def steps(given: Mapping[str, Any], parts: Sequence[Step], arrays: Mapping[int, Array]) -> Step:
        last = build(*(arrays.get(place, part) for place, part in enumerate(parts)), **given)
        return apply("identity", last) if last in parts else last

    def fit(given: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
        parts = Steps(shapes).operands
        zeros = {place: np.zeros(shapes[place]) for place in data if place < len(shapes)}
        return InferredNode(steps(given, parts, zeros).shape, {"given": given})

    def run(node: Node, values: Sequence[Any], constant: Any, evaluate: Any) -> Any:
        nodes, constants = steps_of(node)
        results = dict(zip(node.operands, values, strict=True))
        results |= {name: constant(array) for name, array in constants.items()}
        for step in nodes:
            results[step.name] = evaluate(step, [results[operand] for operand in step.operands])
        return results[node.name]

    def value(A: Any, node: Node, values: Sequence[Any]) -> Any:
        return run(node, values, A.constant, lambda step, parts: step.operation.value(A, step, parts))

    def in_torch(torch: Any, node: Node, tensors: Sequence[Any]) -> Any:
        def evaluate(step: Node, parts: Sequence[Any]) -> Any:
            return step.operation.in_torch(torch, step, parts)

        return run(node, tensors, lambda array: torch.tensor(array.copy()), evaluate)

    return GraphOperation(
        name=name,
        description=description,
        operands=operands,
        fit=fit,
        value=value,
        vjp=_of_steps,
        in_torch=in_torch,
        in_graph=_of_steps,
        options=options,
        needed=needed,
        data=data,
        check_data=check_data,
        steps=steps,
    )


def _of_steps(*arguments: Any) -> Any:
    raise NotImplementedError("a composition is differentiated step by step")


def steps_of(node: Node) -> tuple[list[Node], dict[str, Array]]:
    """Return the steps that take the place of a composition's node, the last one under its name.

    Also returns their constants. Names of other steps have brackets, which names in documents cannot have.
    """
    assert node.operation.steps is not None
    steps = Steps(node.operand_shapes)
    last = node.operation.steps(node.options["given"], steps.operands, node.data)
    names = {step.name: operand for step, operand in zip(steps.operands, node.operands, strict=True)}
    names |= {name: f"{node.name}[{name.replace(' ', '.')}]" for name in steps.constants}
    names |= {step.name: f"{node.name}[{step.name.replace(' ', '.')}]" for step in steps.nodes}
    names[last.name] = node.name
    nodes = [
        replace(step, name=names[step.name], operands=tuple(names[name] for name in step.operands))
        for step in steps.nodes
    ]
    return nodes, {names[name]: array for name, array in steps.constants.items()}


def apply(function: str, x: Step, **options: Any) -> Step:
    """Return a function of the table `FUNCTIONS`, such as exp, of a step; or its log softmax."""
    row = LOG_SOFTMAX if function == LOG_SOFTMAX.name else FUNCTIONS[function]
    return x.steps.apply(row, x, **options)


def total(x: Step, axis: Any = None, keepdims: bool = False) -> Step:
    """Return the sum over `axis`."""
    return x.steps.apply(SUM, x, axis=axis, keepdims=keepdims)


def mean(x: Step, axis: Any = None, keepdims: bool = False) -> Step:
    """Return the mean over `axis`."""
    return x.steps.apply(MEAN, x, axis=axis, keepdims=keepdims)


def largest(x: Step, axis: Any = None, keepdims: bool = False) -> Step:
    """Return the maximum over `axis`."""
    return x.steps.apply(MAX, x, axis=axis, keepdims=keepdims)


def reshape(x: Step, shape: Sequence[int]) -> Step:
    """Return the same entries in another shape; a step of that shape as it is."""
    return x if tuple(shape) == x.shape else x.steps.apply(RESHAPE, x, shape=list(shape))


def transpose(x: Step, axes: Sequence[int]) -> Step:
    """Return a step with its axes in another order."""
    return x if list(axes) == list(range(x.rank)) else x.steps.apply(TRANSPOSE, x, axes=list(axes))


def channels_last(x: Step) -> Step:
    """Return (N, channels, …) as (N, …, channels)."""
    return transpose(x, [0, *range(2, x.rank), 1])


def channels_second(x: Step) -> Step:
    """Return (N, …, channels) as (N, channels, …)."""
    return transpose(x, [0, x.rank - 1, *range(1, x.rank - 1)])


def concatenate(parts: Sequence[Step], axis: int) -> Step:
    """Return steps one behind the other along an axis."""
    return parts[0] if len(parts) == 1 else parts[0].steps.apply(CONCATENATE, *parts, axis=axis)


def stack(parts: Sequence[Step], axis: int) -> Step:
    """Return steps of one shape along a new axis, counted from 0."""
    shape = parts[0].shape
    return concatenate([reshape(part, (*shape[:axis], 1, *shape[axis:])) for part in parts], axis)


def where(condition: Array, x: Operand, y: Operand, steps: Steps) -> Step:
    """Return x where a condition holds, else y."""
    return steps.apply(WHERE, condition.astype(np.float64), x, y)


def rearranged(x: Step, movement: Callable[[Array], Array], fill: float = 0.0) -> Step:
    """Return entries of x in the places where a movement puts them.

    movement: takes the numbers of all entries, in the shape of x, and returns them moved, copied or left out.
    An entry −1 of its result stands for `fill`.
    """
    size = int(np.prod(x.shape))
    indices = np.asarray(movement(np.arange(size).reshape(x.shape)))
    if (indices < 0).any():
        x = concatenate([reshape(x, (size,)), x.steps.constant(np.full(1, fill))], 0)
        indices = np.where(indices < 0, size, indices)
    return x.steps.apply(TAKE, x, indices)


def whole_number(value: Any, field: str, least: int | None = None) -> int:
    """Return an option that is a whole number. Raises: MisfitError."""
    if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
        rule = "a whole number" if least is None else f"a whole number of at least {least}"
        raise MisfitError(rule, describe(value), field=field)
    return value


def number(value: Any, field: str) -> float:
    """Return an option that is a finite number. Raises: MisfitError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise MisfitError("a finite number", describe(value), field=field)
    return float(value)


def whole_numbers(value: Any, count: int, field: str, least: int | None = None) -> tuple[int, ...]:
    """Return an option of `count` whole numbers; one number stands for equal ones. Raises: MisfitError."""
    entries = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(entries) != count:
        raise MisfitError(f"a number, or a list of {count}", describe(value), field=field)
    return tuple(whole_number(entry, field, least) for entry in entries)
