"""Which rule was broken where: each wrong gradient held against its own neighbours, from the output back."""

from collections.abc import Mapping

import numpy as np

from reference_impl.array import Array
from verifier.comparison import Comparison
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.diagnosis.finding import UNEXPLAINED_ID
from verifier.graphs.diagnosis.arcs import Arcs, swept
from verifier.graphs.diagnosis.rules import LOCAL_RULES, LocalRule
from verifier.graphs.diagnosis.words import (
    LOCAL_RULE,
    UNEXPLAINED_HINT,
    UNEXPLAINED_TITLE,
    UNEXPLAINED_WORDS,
)
from verifier.graphs.problem import GraphProblem, plain

MOST_GROWN = 1e3  # times: how much more rounding may be excused where gradients are larger than right ones
CLOSE = 1e-6  # relative, by norm: how near a rule must come beside rounding


@np.errstate(all="ignore")  # what overflows matches no rule
def diagnose(
    problem: GraphProblem,
    values: Mapping[str, Array],
    comparisons: Mapping[str, Comparison],
    allowance: Mapping[str, Array],
) -> tuple[Diagnosis, ...]:
    """Give a row for every gradient that does not follow from the ones behind it as they were handed in."""
    keys = {plain(key): key for key in comparisons}
    found: list[Diagnosis] = []

    def theirs(name: str, arcs: Arcs) -> Array | None:
        key = keys.get(name)
        if key is None:
            return None
        submitted = comparisons[key].submitted
        return submitted if np.isfinite(submitted).all() else comparisons[key].expected

    for name, arcs, _ in swept(problem, values, theirs):
        key = keys.get(name)
        if key is None or not comparisons[key].incorrect.any():
            continue
        rounding = float(np.linalg.norm(np.ravel(allowance[key])))
        if arcs and _follows(comparisons[key], arcs):
            continue  # it only inherits
        found.append(_explained(key, comparisons[key].submitted, arcs, rounding))
    return tuple(found)


def _follows(comparison: Comparison, arcs: Arcs) -> bool:
    """Say whether a gradient is the sum of what its uses hand back, entry by entry as it is judged.

    What they hand back may be larger than it should be, and then rounding is too.
    """
    follows = np.asarray(sum(arc.share for arc in arcs))
    size = np.asarray(sum(np.abs(arc.share) for arc in arcs))
    largest = float(np.max(np.abs(comparison.expected), initial=0.0))
    grown = float(np.clip(np.max(size, initial=0.0) / largest, 1.0, MOST_GROWN)) if largest else 1.0
    off = np.abs(comparison.submitted - follows)
    return bool((off <= grown * comparison.tolerance + CLOSE * size).all())


def _explained(key: str, submitted: Array, arcs: Arcs, rounding: float) -> Diagnosis:
    matches: dict[str, tuple[LocalRule, str, float]] = {}
    for rule in LOCAL_RULES:
        for use, candidate in rule.candidates(arcs):
            left = _left(submitted, candidate, rounding)
            if left <= CLOSE and rule.id not in matches:
                matches[rule.id] = (rule, use, left)
    if not matches:
        return _unexplained(key)
    (rule, use, left), *others = matches.values()
    words = {"place": key, "use": f"nodes.{use}"}
    return Diagnosis(
        bug=rule.id,
        layer=None,
        equation=LOCAL_RULE,
        parameters=(key,),
        factor=None,
        residual=left,
        also_consistent=tuple(other.id for other, _, _ in others),
        title=rule.title,
        explanation=rule.explanation.format(**words),
        right=rule.right,
        wrong=rule.wrong,
        hint=rule.hint.format(**words),
        node=key,
        for_students=rule.explanation.format(**words),
    )


def _unexplained(key: str) -> Diagnosis:
    return Diagnosis(
        bug=UNEXPLAINED_ID,
        layer=None,
        equation=LOCAL_RULE,
        parameters=(key,),
        factor=None,
        residual=1.0,
        also_consistent=(),
        title=UNEXPLAINED_TITLE,
        explanation=UNEXPLAINED_WORDS.format(place=key),
        right="",
        wrong="",
        hint=UNEXPLAINED_HINT.format(place=key),
        node=key,
    )


def _left(submitted: Array, candidate: Array, rounding: float) -> float:
    """Say what a candidate leaves of the submitted gradient, by norm, beyond rounding; 2: no match."""
    with np.errstate(all="ignore"):
        size = float(np.linalg.norm(np.ravel(submitted)))
        distance = float(np.linalg.norm(np.ravel(submitted - candidate)))
    if not np.isfinite(distance) or not np.isfinite(size):
        return 2.0
    distance = max(0.0, distance - rounding)
    return distance / size if size else float(distance > 0)
