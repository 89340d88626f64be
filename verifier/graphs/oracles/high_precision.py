"""Ball arithmetic of 77 digits and more (FLINT's arb): power series through textbook formulas, forward.

Every entry in turn is the variable of a series of two terms; what comes out at the end has the derivative as
its second coefficient. No derivative and no stable form of the reference is used, and no way back.
"""

from contextlib import suppress
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.graphs.arithmetic.formulas import Formulas
from verifier.graphs.moves import Asked, asked_entries, moved, told
from verifier.graphs.operation import Node
from verifier.graphs.problem import GraphProblem, downstream
from verifier.graphs.rounding import GraphRounding
from verifier.graphs.values import continued
from verifier.power_series import PRECISION_IS_GLOBAL, PowerSeries

BITS = 256  # 77 digits
MOST_BITS = 4096
_VANISHED = 2.0**-150  # terms that cancel so far add up to nothing
MOST_SERIES = 1 << 20  # series computed for all moves; some ten seconds


class _Series(Formulas):
    """Formulas over arrays of series a + 0 ε; whoever moves an entry adds ε to it."""

    def __init__(self, flint: Any) -> None:
        super().__init__(PowerSeries(flint), middles)
        self._series = np.frompyfunc(lambda x: flint.arb_series([flint.arb(x), 0], prec=2), 1, 1)
        self._flint = flint
        self.moved = flint.arb_series([0, 1], prec=2)

    def constant(self, values: Array) -> Any:
        found = np.empty((1, *values.shape), dtype=object)  # an array of one series would be taken apart
        found[0] = self._series(values)
        return found

    def scaled(self, x: Any, factor: float, divisor: int = 1) -> Any:
        return x * (self._flint.arb(factor) / divisor)


def middles(x: Array) -> Array:
    found = np.empty(x.shape)
    found[...] = np.frompyfunc(lambda own: float(own[0].mid()), 1, 1)(x)
    return found


def gradient(problem: GraphProblem, honest: GraphRounding) -> Answer:
    """Differentiate the output along every entry, with more bits until each is known to its last digit.

    Error: a bound. Left out (infinite error) are moves of what stands exactly at a kink, beyond a budget
    entries that were not drawn, and what no number of bits makes sharp.
    """
    try:
        import flint
    except ImportError as error:
        return Answer({}, Uncertainty.UNKNOWN, reason=f"python-flint cannot be imported: {error}")
    asked = asked_entries(problem, 1, MOST_SERIES)
    bits, found = BITS, dict[str, Estimate]()
    if not np.isfinite(honest.risk):
        return Answer({}, Uncertainty.BOUND, "the output is not a finite number")
    with PRECISION_IS_GLOBAL:
        while True:
            with flint.ctx.workprec(bits), suppress(ValueError, ZeroDivisionError):
                found = _gradient(flint, problem, asked)  # a ball over 0 cannot divide: more bits
            sharp = {name: _sharp(estimate, honest.scale[name]) for name, estimate in found.items()}
            looked_at = {own.key: own.entries for own in asked}
            if bits >= MOST_BITS or (
                found and all(sharp[key].ravel()[entries].all() for key, entries in looked_at.items())
            ):
                break
            bits *= 4
    answer = {
        name: Estimate(estimate.value, np.where(sharp[name], estimate.error, np.inf))
        for name, estimate in found.items()
    }
    reason = told(asked, problem) if answer else f"{MOST_BITS} bits do not tell a divisor from 0"
    return Answer(answer, Uncertainty.BOUND, reason)


def _sharp(estimate: Estimate, scale: Array) -> Array:
    """Say which entries are known to the last digit of a float64, or to vanish beside their own terms."""
    enough = 2.0**-50 * np.abs(estimate.value) + _VANISHED * scale + 1e-320
    return np.asarray(estimate.error <= enough)


def _gradient(flint: Any, problem: GraphProblem, asked: list[Asked]) -> dict[str, Estimate]:
    arithmetic = _Series(flint)
    leaves = {name: arithmetic.constant(array) for name, array in problem.leaves()}
    base = continued(leaves, problem.nodes, arithmetic)
    floats = {name: middles(values)[0] for name, values in base.items()}
    return {own.key: _of_name(arithmetic, problem, base, floats, own) for own in asked}


def _of_name(
    arithmetic: _Series, problem: GraphProblem, base: dict[str, Any], floats: dict[str, Array], own: Asked
) -> Estimate:
    at = base[own.name]
    shape = at.shape[1:]
    nodes = downstream(problem, [own.name])
    if not nodes and own.name != problem.output:
        return Estimate(np.zeros(shape), np.zeros(shape))
    value, error = np.full(at.size, np.nan), np.full(at.size, np.inf)
    for entries in own.chunks(sides=16):  # an object is larger than a number
        steps = np.empty(len(entries), dtype=object)
        steps[:] = [arithmetic.moved] * len(entries)
        values = continued(
            base | {own.name: moved(at, entries, steps).reshape(-1, *shape)}, nodes, arithmetic
        )
        slopes = [series[1] for series in values[problem.output].reshape(-1)]
        smooth = _smooth(floats, values, nodes, len(entries))
        for place, slope in enumerate(slopes):
            middle, radius = float(slope.mid()), float(slope.rad().upper())
            if smooth[place] and np.isfinite(middle):
                value[entries[place]] = middle
                error[entries[place]] = radius * (1 + 2.0**-50) + 2.0**-53 * abs(middle) + 2.0**-1074
    return Estimate(value.reshape(shape), error.reshape(shape))


def _smooth(floats: dict[str, Array], values: dict[str, Any], nodes: tuple[Node, ...], count: int) -> Array:
    """Say which moves move nothing that stands exactly at a kink."""
    smooth = np.ones(count, dtype=bool)
    for node in nodes:
        operands = [floats[name] for name in node.operands]
        at_kink = node.operation.kinks(node, operands, [np.zeros(each.shape) for each in operands])
        if at_kink is not None and at_kink.any():
            series = values[node.operands[0]]
            moving = np.empty(series.shape, dtype=bool)
            moving[...] = np.frompyfunc(lambda own: not own[1].is_zero(), 1, 1)(series)
            smooth &= ~np.broadcast_to((moving & at_kink).reshape(len(moving), -1).any(axis=-1), (count,))
    return smooth
