"""Perturb one unit in every row of a graph at once, where rows do not influence each other.

A row is an index of the first axis, usually an example. If the output is a sum of terms, one of each row, one
perturbation of a unit in all N rows gives N derivatives. A unit is an index of the other axes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.estimate import Estimate
from verifier.engine.graph_perturbation import largest_distance
from verifier.engine.operations.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT
from verifier.engine.operations.products import MATMUL
from verifier.engine.operations.reductions import MEAN, SUM
from verifier.engine.operations.shaping import RESHAPE
from verifier.engine.perturbation import RELATIVE_STEP, SIDES, central_difference
from verifier.problem.graph import GraphProblem, Locality, Node, downstream, no_kinks

AT_ONCE = 1 << 17  # numbers in one array of a pass: 1 MB of float64, a core's cache


@dataclass(frozen=True, eq=False)
class RowPath:
    """The nodes between a perturbed name and the output, where each row has its own term of the output.

    shape: of the perturbed value, (N, *units). sums: names of the nodes that are sums of the rows' terms.
    """

    name: str
    shape: tuple[int, ...]
    nodes: tuple[Node, ...]
    sums: frozenset[str]

    @property
    def units(self) -> int:
        """Return the number of units."""
        return int(prod(self.shape[1:]))

    @cached_property
    def uses(self) -> Mapping[str, int]:
        """Return how often each name is an operand on the path."""
        return Counter(operand for node in self.nodes for operand in node.operands)

    @cached_property
    def products(self) -> frozenset[str]:
        """Return the names of matrix products, whose values share no memory with others."""
        return frozenset(node.name for node in self.nodes if node.operation is MATMUL)

    @property
    def cost(self) -> int:
        """Return the numbers that the perturbations of one unit compute."""
        return len(SIDES) * (prod(self.shape) + sum(prod(node.shape) for node in self.nodes))


def row_path(problem: GraphProblem, name: str) -> RowPath | None:
    """Return the path from a name to the output; None if its rows influence each other, or may do so."""
    shape = problem.shapes()[name]
    if 0 in shape or not shape:
        return None
    nodes = downstream(problem, [name])
    perturbed, sums = {name}, set[str]()
    for node in nodes:
        of_rows = [operand in perturbed for operand in node.operands]
        of_sums = [operand in sums for operand in node.operands]
        if any(of_sums):
            if any(of_rows) or not _is_linear(node, of_sums):
                return None
            sums.add(node.name)
            continue
        locality = node.operation.locality(node, of_rows)
        if locality is Locality.TERM:
            sums.add(node.name)
        elif locality is not Locality.EVERYTHING and node.shape[:1] == shape[:1]:
            perturbed.add(node.name)
        else:
            return None
    return RowPath(name, shape, nodes, frozenset(sums)) if problem.output in sums else None


@np.errstate(all="ignore")  # overflow ends in an infinite error
def row_slopes(base: Mapping[str, Array], path: RowPath, units: Array, noise: float) -> Estimate:
    """Return the derivative of the output along every entry of the perturbed value, (N, units).

    base: the values without a perturbation. units: flat indices of those to perturb; the error of others is
    infinite, as it is where a kink may lie between the two sides. noise: the rounding error of the output.
    """
    values = base[path.name].reshape(path.shape[0], -1)
    steps = values + np.array(SIDES)[:, None, None] * RELATIVE_STEP * np.maximum(np.abs(values), 1.0) - values
    unmoved = _Pass(base, path, np.arange(1), np.zeros((1, 1, path.shape[0])))
    middle = unmoved.terms()[0][:, None]
    slope, error = np.zeros(values.shape), np.full(values.shape, np.inf)
    for chunk in _chunks(path, len(units)):
        moved = units[chunk]
        run = _Pass(base, path, moved, steps[:, :, moved].transpose(0, 2, 1))
        terms = run.terms().reshape(len(SIDES), len(moved), -1).swapaxes(1, 2)
        slope[:, moved], difference_error = central_difference(terms, middle, steps[:, :, moved], noise)
        error[:, moved] = np.where(run.smooth.T, difference_error, np.inf)
    return Estimate(slope, error)


def _chunks(path: RowPath, count: int) -> Iterator[slice]:
    widest = len(SIDES) * max([prod(path.shape), *(prod(node.shape) for node in path.nodes)])
    width = max(1, AT_ONCE // widest)
    for first in range(0, count, width):
        yield slice(first, min(first + width, count))


@dataclass(eq=False)
class _Pass:
    """One pass over the nodes of a path, with a copy of the values for each side and unit.

    units: the perturbed units. steps: (sides, units, N). columns: by name, values of which only the perturbed
    unit changes, (copies, N, 1). wholes: by name, (copies, N, …). unit_of_copy: (copies,).
    smooth: (units, N), False where a row crosses a kink.
    """

    base: Mapping[str, Array]
    path: RowPath
    units: Array
    steps: Array
    columns: dict[str, Array] = field(default_factory=dict)
    wholes: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.smooth = np.ones(self.steps.shape[1:], dtype=bool)
        self.unit_of_copy = np.tile(self.units, self.steps.shape[0])

    @property
    def copies(self) -> int:
        return len(self.unit_of_copy)

    def terms(self) -> Array:
        """Return each row's term of the output, up to a constant, (copies, N)."""
        name, shape = self.path.name, self.path.shape
        flat = self.base[name].reshape(shape[0], -1)
        moved = (flat.T[self.units] + self.steps).reshape(self.copies, -1)
        if len(shape) == 2:
            self.columns[name] = moved[..., None]
        else:
            self.wholes[name] = self._in_every_column(flat, moved).reshape(self.copies, *shape)
        terms: dict[str, Array] = {}
        for node in self.path.nodes:
            if any(operand in terms for operand in node.operands):
                terms[node.name] = _LINEAR[node.operation.name](
                    [terms.get(operand) for operand in node.operands],
                    [self.base[operand].reshape(-1)[:1] for operand in node.operands],
                )
            elif node.name in self.path.sums:
                assert node.operation.row_terms is not None
                terms[node.name] = node.operation.row_terms(node, self._whole_operands(node))
            else:
                self._advance(node)
        return np.asarray(np.broadcast_to(terms[self.path.nodes[-1].name], (self.copies, shape[0])))

    def _advance(self, node: Node) -> None:
        """Compute a node whose rows are separate."""
        perturbed = [operand in self.columns or operand in self.wholes for operand in node.operands]
        in_columns = all(
            operand in self.columns for operand, moves in zip(node.operands, perturbed, strict=True) if moves
        )
        if in_columns and node.operation.locality(node, perturbed) is Locality.ENTRY:
            shape = (node.shape[0], 1)
            node = replace(node, operand_shapes=(shape,) * len(node.operands), shape=shape)
            operands = [self._column(operand, node) for operand in node.operands]
            self._watch_kinks(node, [self._base_column(operand) for operand in node.operands], operands)
            self.columns[node.name] = node.operation.value(FLOATS, node, operands)
        elif in_columns and node.operation is MATMUL and perturbed == [True, False] and len(node.shape) == 2:
            self.wholes[node.name] = self._rank_one_product(node)
        elif node.operation is ADD and (total := self._add_in_place(node)) is not None:
            self.wholes[node.name] = total
        else:
            operands = self._whole_operands(node)
            self._watch_kinks(node, [self.base[operand][None] for operand in node.operands], operands)
            value = node.operation.value(FLOATS, node, operands)
            full = (self.copies, *node.shape)
            self.wholes[node.name] = value if value.shape == full else np.broadcast_to(value, full)

    def _add_in_place(self, node: Node) -> Array | None:
        """Return x + b in the memory of x, which no other node needs, where b does not move; else None."""
        x, b = node.operands
        if x not in self.path.products:
            x, b = b, x
        moves_alone = x in self.path.products and b not in self.wholes and b not in self.columns
        shape = (self.copies, *node.shape)
        if not moves_alone or self.path.uses[x] > 1 or self.wholes[x].shape != shape:
            return None
        total = self.wholes.pop(x)
        total += self.base[b]
        return total

    def _rank_one_product(self, node: Node) -> Array:
        """Return x W where x changes in one column: x₀ W + change · row of W."""
        x, w = node.operands
        change = self.columns[x][..., 0] - self.base[x].T[self.unit_of_copy]
        # a weight of 0 must not turn an overflow of the change into NaN
        product = np.asarray(change[..., None] * self.base[w][self.unit_of_copy][:, None, :])
        product += self.base[node.name]
        return product

    def _in_every_column(self, base: Array, column: Array) -> Array:
        """Return copies of a matrix with the perturbed column in each, (copies, N, columns)."""
        copies = np.repeat(base[None], self.copies, axis=0)
        copies[np.arange(self.copies), :, self.unit_of_copy] = column
        return copies

    def _base_column(self, name: str) -> Array:
        """Return the column of the perturbed unit in each copy, without the perturbation, (copies, N, 1)."""
        columns = np.broadcast_to(self.base[name], self.path.shape)
        return np.asarray(columns.T[self.unit_of_copy][..., None])

    def _column(self, name: str, node: Node) -> Array:
        return self.columns[name] if name in self.columns else self._base_column(name)

    def _whole_operands(self, node: Node) -> list[Array]:
        return [self._whole(operand) for operand in node.operands]

    def _whole(self, name: str) -> Array:
        if name in self.columns and name not in self.wholes:
            self.wholes[name] = self._in_every_column(self.base[name], self.columns[name][..., 0])
        return self.wholes[name] if name in self.wholes else self.base[name][None]

    def _watch_kinks(self, node: Node, base: Sequence[Array], operands: Sequence[Array]) -> None:
        """Mark rows in which a side carries an operand to a kink."""
        if node.operation.kinks is no_kinks:
            return
        sides, units, rows = self.steps.shape
        starts = [start[:units] if len(start) > 1 else start for start in base]
        if node.operation.kinks(node, starts, [np.zeros(1) for _ in starts]) is None:  # a smooth function
            return
        distances = [
            largest_distance(operand, start, (sides, units))
            for operand, start in zip(operands, base, strict=True)
        ]
        crossed = node.operation.kinks(node, starts, distances)
        if crossed is not None:
            # an operand that does not move crosses no kink
            self.smooth &= ~(crossed & (distances[0] > 0)).reshape(units, rows, -1).any(axis=-1)


Terms = Sequence[Array | None]
"""By operand, each row's term of a sum; None for an operand without a perturbation."""


def _is_linear(node: Node, of_sums: Sequence[bool]) -> bool:
    """True if a node is one number and its terms follow from those of its operands."""
    if prod(node.shape) != 1 or any(prod(shape) != 1 for shape in node.operand_shapes):
        return False
    if node.operation is MULTIPLY:
        return not all(of_sums)
    if node.operation is DIVIDE:
        return not of_sums[1]
    return node.operation.name in _LINEAR


def _product(terms: Terms, values: Sequence[Array]) -> Array:
    first, second = terms
    return first * values[1] if first is not None else values[0] * _present(second)


def _difference(terms: Terms, values: Sequence[Array]) -> Array:
    first, second = terms
    if second is None:
        return _present(first)
    return -second if first is None else first - second


def _sum(terms: Terms, values: Sequence[Array]) -> Array:
    present = [part for part in terms if part is not None]
    return np.asarray(sum(present[1:], present[0]))


def _present(terms: Array | None) -> Array:
    assert terms is not None
    return terms


_LINEAR: Mapping[str, Callable[[Terms, Sequence[Array]], Array]] = MappingProxyType(
    {
        ADD.name: _sum,
        SUBTRACT.name: _difference,
        NEGATE.name: lambda terms, values: -_present(terms[0]),
        MULTIPLY.name: _product,
        DIVIDE.name: lambda terms, values: _present(terms[0]) / values[1],
        RESHAPE.name: _sum,
        SUM.name: _sum,
        MEAN.name: _sum,
    }
)
"""By operation, the terms of its value: (terms of the operands, values of the operands)."""
