"""Ball arithmetic with at least 77 digits (FLINT's arb), by power series through textbook formulas.

Every entry in turn is the variable of a series with two terms; the second coefficient of the output is the
derivative. No derivative, no stable form of the reference, and no reverse mode is used.
"""

from contextlib import suppress
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.autodiff import continued
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.formulas import PRECISION_IS_GLOBAL, Formulas, PowerSeries
from verifier.engine.graph_perturbation import Tap, moved, sampling_note, tapped_entries
from verifier.engine.graph_rounding import GraphRounding
from verifier.problem.graph import GraphProblem, Node, downstream
from verifier.report.model import Uncertainty

BITS = 256  # 77 digits
MOST_BITS = 4096
_NEGLIGIBLE = 2.0**-150  # relative to an entry's scale: an entry below it counts as 0
MOST_SERIES = 1 << 20  # series computed for all perturbations; about ten seconds


class _Series(Formulas):
    """Formulas over arrays of series a + 0 ε. A perturbation adds ε to one entry."""

    def __init__(self, flint: Any) -> None:
        super().__init__(PowerSeries(flint), middles)
        self._series = np.frompyfunc(lambda x: flint.arb_series([flint.arb(x), 0], prec=2), 1, 1)
        self._flint = flint
        self.moved = flint.arb_series([0, 1], prec=2)

    def constant(self, values: Array) -> Any:
        series = np.empty((1, *values.shape), dtype=object)  # numpy would convert a single series to an array
        series[0] = self._series(values)
        return series

    def scaled(self, x: Any, factor: float, divisor: int = 1) -> Any:
        return x * (self._flint.arb(factor) / divisor)


def middles(x: Array) -> Array:
    """Return the midpoints of the series' constant terms as floats."""
    floats = np.empty(x.shape)
    floats[...] = np.frompyfunc(lambda series: float(series[0].mid()), 1, 1)(x)
    return floats


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the derivatives of the output along every entry, with more bits until each is exact to float64.

    Error: a bound. It is infinite where a perturbation moves a value exactly at a kink, beyond a budget at
    entries that were not sampled, and where no number of bits is enough.
    """
    try:
        import flint
    except ImportError as error:
        return Answer({}, Uncertainty.UNKNOWN, reason=f"python-flint cannot be imported: {error}")
    taps = tapped_entries(problem, 1, MOST_SERIES)
    bits, estimates = BITS, dict[str, Estimate]()
    if not np.isfinite(float64_rounding.risk):
        return Answer({}, Uncertainty.BOUND, "the output is not a finite number")
    with PRECISION_IS_GLOBAL:
        while True:
            with flint.ctx.workprec(bits), suppress(ValueError, ZeroDivisionError):
                # dividing by a ball around 0 raises: use more bits
                estimates = _gradient(flint, problem, taps)
            sharp = {
                name: _is_sharp(estimate, float64_rounding.scale[name])
                for name, estimate in estimates.items()
            }
            entries_by_key = {tap.key: tap.entries for tap in taps}
            if bits >= MOST_BITS or (
                estimates
                and all(sharp[key].ravel()[entries].all() for key, entries in entries_by_key.items())
            ):
                break
            bits *= 4
    known = {
        name: Estimate(estimate.value, np.where(sharp[name], estimate.error, np.inf))
        for name, estimate in estimates.items()
    }
    reason = sampling_note(taps, problem) if known else f"{MOST_BITS} bits do not tell a divisor from 0"
    return Answer(known, Uncertainty.BOUND, reason)


def _is_sharp(estimate: Estimate, scale: Array) -> Array:
    """True for entries known to the last digit of a float64, or negligible beside their terms."""
    enough = 2.0**-50 * np.abs(estimate.value) + _NEGLIGIBLE * scale + 1e-320
    return np.asarray(estimate.error <= enough)


def _gradient(flint: Any, problem: GraphProblem, taps: list[Tap]) -> dict[str, Estimate]:
    arithmetic = _Series(flint)
    leaves = {name: arithmetic.constant(array) for name, array in problem.leaves()}
    base = continued(leaves, problem.nodes, arithmetic)
    floats = {name: middles(values)[0] for name, values in base.items()}
    return {tap.key: _estimate(arithmetic, problem, base, floats, tap) for tap in taps}


def _estimate(
    arithmetic: _Series, problem: GraphProblem, base: dict[str, Any], floats: dict[str, Array], tap: Tap
) -> Estimate:
    """Return the estimate for one name."""
    point = base[tap.name]
    shape = point.shape[1:]
    nodes = downstream(problem, [tap.name])
    if not nodes and tap.name != problem.output:
        return Estimate(np.zeros(shape), np.zeros(shape))
    value, error = np.full(point.size, np.nan), np.full(point.size, np.inf)
    for entries in tap.chunks(sides=16):  # a series takes more memory than a number
        steps = np.empty(len(entries), dtype=object)
        steps[:] = [arithmetic.moved] * len(entries)
        values = continued(
            base | {tap.name: moved(point, entries, steps).reshape(-1, *shape)}, nodes, arithmetic
        )
        derivatives = [series[1] for series in values[problem.output].reshape(-1)]
        smooth = _is_smooth(floats, values, nodes, len(entries))
        for place, slope in enumerate(derivatives):
            middle, radius = float(slope.mid()), float(slope.rad().upper())
            if smooth[place] and np.isfinite(middle):
                value[entries[place]] = middle
                error[entries[place]] = radius * (1 + 2.0**-50) + 2.0**-53 * abs(middle) + 2.0**-1074
    return Estimate(value.reshape(shape), error.reshape(shape))


def _is_smooth(
    floats: dict[str, Array], values: dict[str, Any], nodes: tuple[Node, ...], count: int
) -> Array:
    """True for perturbations that move no value exactly at a kink."""
    smooth = np.ones(count, dtype=bool)
    for node in nodes:
        operands = [floats[name] for name in node.operands]
        at_kink = node.operation.kinks(node, operands, [np.zeros(operand.shape) for operand in operands])
        if at_kink is not None and at_kink.any():
            series = values[node.operands[0]]
            moves = np.empty(series.shape, dtype=bool)
            moves[...] = np.frompyfunc(lambda coefficients: not coefficients[1].is_zero(), 1, 1)(series)
            smooth &= ~np.broadcast_to((moves & at_kink).reshape(len(moves), -1).any(axis=-1), (count,))
    return smooth
