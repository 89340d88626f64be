"""The complex step at the entries of all that is asked: Im R(v + ih) / h, nothing subtracted, nothing lost.

The graph is evaluated from textbook formulas over complex numbers; no derivative of the reference is used.
"""

from collections.abc import Mapping

import numpy as np

from reference_impl.array import Array
from verifier.complex_slopes import STEP
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.graphs.arithmetic.formulas import COMPLEX_NUMBERS
from verifier.graphs.moves import Asked, asked_entries, moved, told
from verifier.graphs.operation import Node
from verifier.graphs.problem import GraphProblem, downstream
from verifier.graphs.rounding import GraphRounding
from verifier.graphs.values import continued

_TRUNCATED = 2.0**-180  # h² R‴ / 6, where R′ itself is 0


def gradient(problem: GraphProblem, honest: GraphRounding) -> Answer:
    """Differentiate the output along every entry.

    Error: an estimate, the rounding of honest float64 arithmetic on this problem. Left out (infinite error)
    are moves of what stands exactly at a kink, and beyond a budget entries that were not drawn.
    """
    base = continued(dict(problem.leaves()), problem.nodes, COMPLEX_NUMBERS)
    asked = asked_entries(problem, sides=2)  # a complex number is two
    defined = np.isfinite(honest.risk)
    found = {own.key: _of_name(problem, base, own, honest.allowance[own.key], defined) for own in asked}
    return Answer(found, Uncertainty.ESTIMATE, told(asked, problem))


@np.errstate(all="ignore")
def _of_name(
    problem: GraphProblem, base: Mapping[str, Array], own: Asked, allowance: Array, defined: bool
) -> Estimate:
    at = base[own.name]
    nodes = downstream(problem, [own.name])
    if not nodes and own.name != problem.output:
        return Estimate(np.zeros(at.shape), np.zeros(at.shape))
    value, error = np.full(at.size, np.nan), np.full(at.size, np.inf)
    unmoved = {name: array[np.newaxis] for name, array in base.items()}
    for entries in own.chunks(sides=2):
        copies = moved(at, entries, np.full(len(entries), 1j * STEP))
        values = continued(unmoved | {own.name: copies}, nodes, COMPLEX_NUMBERS)
        slope = np.broadcast_to(values[problem.output].reshape(-1).imag / STEP, len(entries))
        lost = allowance.ravel()[entries] + np.abs(slope) * 2.0**-90 + _TRUNCATED
        known = _smooth(base, values, nodes, len(entries)) & np.isfinite(slope) & defined
        value[entries] = np.where(known, slope, np.nan)
        error[entries] = np.where(known, lost, np.inf)
    return Estimate(value.reshape(at.shape), error.reshape(at.shape))


def _smooth(
    base: Mapping[str, Array], values: dict[str, Array], nodes: tuple[Node, ...], count: int
) -> Array:
    """Say which moves move nothing that stands exactly at a kink."""
    smooth = np.ones(count, dtype=bool)
    for node in nodes:
        operands = [base[name].real for name in node.operands]
        at_kink = node.operation.kinks(node, operands, [np.zeros(each.shape) for each in operands])
        if at_kink is not None and at_kink.any():
            moving = values[node.operands[0]].imag != 0
            smooth &= ~np.broadcast_to((moving & at_kink).reshape(len(moving), -1).any(axis=-1), smooth.shape)
    return smooth
