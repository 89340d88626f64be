"""Compute constants that a source does not keep, from values that it keeps further on.

PyTorch keeps no 1 of x + 1. It keeps every number that a derivative depends on, so the constant follows from
the next value that was kept; if none was, no gradient depends on it, and it follows from the output.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import continued
from verifier.problem.graph import GraphProblem, Node

_UNITS = 16.0  # of roundoff that a kept value may be off
MASKED = -2000.0
"""The number in place of −infinity, whose exponential is 0 as well."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownValue:
    """The value of a node. NaN: an entry that is unknown.

    roundoff: the relative error of every entry. errors: further errors, absolute.
    axis: if not None, the values are logarithms of probabilities along that axis, so they are known up to one
    constant a row.
    """

    values: Array
    roundoff: float
    errors: Array
    axis: int | None = None


class UnknownConstant(ValueError):  # noqa: N818 -- as ImportRefused
    """No constant gives the values that are known. name: of the constant."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def shortest_decimal(low: float, high: float) -> float:
    """Return the number between two bounds that takes the fewest digits."""
    if low <= 0.0 <= high:
        return 0.0
    middle = 0.5 * (low + high)
    candidates = (float(f"{middle:.{digits}g}") for digits in range(1, 17))
    return next((candidate for candidate in candidates if low <= candidate <= high), middle)


@np.errstate(all="ignore")
def solved_constants(
    problem: GraphProblem, unknown: Sequence[str], known: Mapping[str, KnownValue]
) -> dict[str, Array]:
    """Return numbers for the unknown inputs: one number each if it is enough, else an array.

    The inputs hold zeros, in the shape of the node that uses them. Raises: UnknownConstant.
    """
    values: dict[str, Any] = dict(problem.leaves())
    unsolved = set(unknown)
    solved = {name: np.zeros(()) for name in unknown}
    influences: dict[str, frozenset[str]] = {name: frozenset([name]) for name in unknown}
    paths: dict[str, list[Node]] = {name: [] for name in unknown}
    none: frozenset[str] = frozenset()
    for node in problem.upstream_of_output:
        values |= {node.name: _value(node, values)}
        reaching = none.union(*(influences.get(operand, none) for operand in node.operands))
        for name in reaching:
            paths[name].append(node)
        target = known.get(node.name)
        influences[node.name] = reaching if target is None else none
        waiting = [name for name in unknown if name in reaching and name in unsolved]
        if target is None or not waiting:
            continue
        name = waiting[-1]  # the others stay 0: the value tells their sum alone
        unsolved.difference_update(waiting)
        solution = _solved(paths[name], values, name, node.name, target)
        if solution is None:
            raise UnknownConstant(name)
        solved[name] = solution
        values |= _after(paths[name], values, name, np.broadcast_to(solution, values[name].shape))
    return solved


def _value(node: Node, values: Mapping[str, Any]) -> Any:
    return node.operation.value(FLOATS, node, [values[operand] for operand in node.operands])


def _after(path: Sequence[Node], values: Mapping[str, Any], name: str, numbers: Array) -> dict[str, Any]:
    """Return the values of the nodes on a path for other numbers of an input, with that input."""
    return continued({**values, name: numbers}, path, FLOATS)


def _solved(
    path: Sequence[Node], values: Mapping[str, Any], name: str, end: str, target: KnownValue
) -> Array | None:
    """Return the numbers of an input for which the last node of a path has a known value; None if none do."""
    base = np.asarray(values[end])
    shape = values[name].shape
    slopes = np.asarray(_after(path, values, name, np.ones(shape))[end]) - base
    wanted = _absolute(target, base)
    usable = (slopes != 0) & ~np.isnan(wanted)
    if not usable.any():
        return np.zeros(())
    numbers = np.maximum((wanted - base)[usable] / slopes[usable], MASKED)
    size = np.abs(wanted) + np.abs(base)
    error = _UNITS * (target.roundoff * np.where(np.isfinite(size), size, 0.0) + target.errors)
    errors = error[usable] / np.abs(slopes[usable])
    low, high = float((numbers - errors).max()), float((numbers + errors).min())
    candidates = [np.asarray(shortest_decimal(low, high))] if low <= high else []
    size = int(np.prod(shape))
    probe = np.asarray(_after(path, values, name, np.arange(float(size)).reshape(shape))[end]) - base
    places = np.rint(probe[usable] / slopes[usable])  # the entry of the input that each number belongs to
    if ((places >= 0) & (places < size)).all():
        array = np.zeros(size)
        array[places.astype(np.intp)] = numbers
        candidates.append(array.reshape(shape))
    for solution in candidates:
        reached = np.asarray(_after(path, values, name, np.broadcast_to(solution, shape))[end])[usable]
        distance = np.abs(reached - wanted[usable])
        masked = np.maximum(reached, wanted[usable]) <= 0.5 * MASKED
        if (masked | (distance <= 4.0 * errors * np.abs(slopes[usable]))).all():
            return solution
    return None


def _absolute(target: KnownValue, base: Array) -> Array:
    """Return known values, with the constant of every row such that the likeliest entry is as computed."""
    if target.axis is None:
        return target.values
    likeliest = np.expand_dims(np.argmax(target.values, axis=target.axis), target.axis)
    shift = np.take_along_axis(base - target.values, likeliest, axis=target.axis)
    return np.asarray(target.values + shift)
