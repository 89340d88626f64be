"""Central finite differences at the entries of all that is asked, inner nodes included.

A node is moved and everything behind it runs again, what stands before it does not: so every arc is crossed
by differences alone.
"""

import numpy as np

from reference_impl.array import Array
from verifier.differences import RELATIVE_STEP, SIDES, slopes
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.moves import Asked, asked_entries, moved, told
from verifier.graphs.problem import GraphProblem
from verifier.graphs.rounding import GraphRounding
from verifier.graphs.values import continued, values_of


def gradient(problem: GraphProblem, honest: GraphRounding) -> Answer:
    """Differentiate the output along every entry.

    Error: an estimate of truncation and of rounding (see `verifier/differences.py`). Left out (infinite
    error) are moves between whose sides a kink may lie, and beyond a budget entries that were not drawn.
    """
    base = values_of(problem, FLOATS)
    asked = asked_entries(problem, len(SIDES))
    found = {own.key: _of_name(problem, base, own, honest.loss) for own in asked}
    return Answer(found, Uncertainty.ESTIMATE, told(asked, problem))


@np.errstate(all="ignore")  # overflowing sides end in an infinite error
def _of_name(problem: GraphProblem, base: dict[str, Array], own: Asked, noise: float) -> Estimate:
    at = base[own.name]
    value, error = np.zeros(at.size), np.full(at.size, np.inf)
    if not own.nodes and own.name != problem.output:  # the output does not depend on it
        return Estimate(value.reshape(at.shape), np.zeros(at.shape))
    unmoved = {name: array[np.newaxis] for name, array in base.items()}
    for entries in own.chunks(len(SIDES)):
        flat = at.ravel()[entries]
        steps = flat + np.array(SIDES)[:, None] * RELATIVE_STEP * np.maximum(np.abs(flat), 1.0) - flat
        copies = moved(at, np.tile(entries, len(SIDES)), steps.ravel())
        values = continued(unmoved | {own.name: copies}, own.nodes, FLOATS)
        losses = np.broadcast_to(values[problem.output].reshape(-1), steps.size).reshape(steps.shape)
        middle = float(base[problem.output].reshape(()))
        value[entries], lost = slopes(losses, middle, steps, noise)
        smooth = _smooth(base, values, own, len(entries))
        known = smooth & np.isfinite(value[entries]) & np.isfinite(lost)
        error[entries] = np.where(known, lost, np.inf)
    return Estimate(np.where(np.isfinite(error), value, np.nan).reshape(at.shape), error.reshape(at.shape))


def _smooth(base: dict[str, Array], values: dict[str, Array], own: Asked, count: int) -> Array:
    """Say which moves carry no operand as far as to a kink, by any of their sides."""
    smooth = np.ones(count, dtype=bool)
    for node in own.nodes:
        reach = [_carried(values[name], base[name], count) for name in node.operands]
        crossed = node.operation.kinks(node, [base[name] for name in node.operands], reach)
        if crossed is not None:  # what does not move crosses nothing
            smooth &= ~(crossed & (reach[0] > 0)).reshape(count, -1).any(axis=-1)
    return smooth


def _carried(values: Array, base: Array, count: int) -> Array:
    """Give the farthest that any side carries an operand, (moves, *shape)."""
    distance = np.abs(values - base)
    if len(distance) == 1:
        return np.zeros((count, *base.shape))
    return np.asarray(distance.reshape(len(SIDES), count, *base.shape).max(axis=0))
