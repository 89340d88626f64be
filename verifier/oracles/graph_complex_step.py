"""The complex step at single entries: Im R(v + ih) / h, without subtraction and so without cancellation.

The graph is evaluated from textbook formulas over complex numbers, without derivatives of the reference.
"""

from collections.abc import Mapping

import numpy as np

from reference_impl.array import Array
from verifier.engine.autodiff import continued
from verifier.engine.complex_slopes import STEP
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.formulas import COMPLEX_NUMBERS
from verifier.engine.graph_perturbation import Tap, moved, sampling_note, tapped_entries
from verifier.engine.graph_rounding import GraphRounding
from verifier.problem.graph import GraphProblem, Node, downstream
from verifier.report.model import Uncertainty

_TRUNCATION = 2.0**-180  # truncation error h² R‴ / 6, for a derivative of 0


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the derivatives of the output along every entry.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem. It is infinite where
    a perturbation moves a value exactly at a kink, and, beyond a budget, at entries that were not sampled.
    """
    base = continued(dict(problem.leaves()), problem.nodes, COMPLEX_NUMBERS)
    perturbed = tapped_entries(problem, sides=2)  # a complex number is two floats
    defined = np.isfinite(float64_rounding.risk)
    estimates = {
        tap.key: _estimate(problem, base, tap, float64_rounding.allowance[tap.key], defined)
        for tap in perturbed
    }
    return Answer(estimates, Uncertainty.ESTIMATE, sampling_note(perturbed, problem))


@np.errstate(all="ignore")
def _estimate(
    problem: GraphProblem, base: Mapping[str, Array], tap: Tap, allowance: Array, defined: bool
) -> Estimate:
    """Return the estimate for one name."""
    point = base[tap.name]
    nodes = downstream(problem, [tap.name])
    if not nodes and tap.name != problem.output:
        return Estimate(np.zeros(point.shape), np.zeros(point.shape))
    value, error = np.full(point.size, np.nan), np.full(point.size, np.inf)
    unmoved = {name: array[np.newaxis] for name, array in base.items()}
    for entries in tap.chunks(sides=2):
        copies = moved(point, entries, np.full(len(entries), 1j * STEP))
        values = continued(unmoved | {tap.name: copies}, nodes, COMPLEX_NUMBERS)
        slope = np.broadcast_to(values[problem.output].reshape(-1).imag / STEP, len(entries))
        error_bound = allowance.ravel()[entries] + np.abs(slope) * 2.0**-90 + _TRUNCATION
        known = _is_smooth(base, values, nodes, len(entries)) & np.isfinite(slope) & defined
        value[entries] = np.where(known, slope, np.nan)
        error[entries] = np.where(known, error_bound, np.inf)
    return Estimate(value.reshape(point.shape), error.reshape(point.shape))


def _is_smooth(
    base: Mapping[str, Array], values: dict[str, Array], nodes: tuple[Node, ...], count: int
) -> Array:
    """True for perturbations that move no value exactly at a kink."""
    smooth = np.ones(count, dtype=bool)
    for node in nodes:
        operands = [base[name].real for name in node.operands]
        at_kink = node.operation.kinks(node, operands, [np.zeros(operand.shape) for operand in operands])
        if at_kink is not None and at_kink.any():
            moves = values[node.operands[0]].imag != 0
            smooth &= ~np.broadcast_to((moves & at_kink).reshape(len(moves), -1).any(axis=-1), smooth.shape)
    return smooth
