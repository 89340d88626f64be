"""Search for right gradients that were changed as a whole: zeroed, clipped, truncated or rounded in print."""

from collections.abc import Iterator

import numpy as np

from reference_impl.network import named
from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.costs import ROUNDING_SLACK
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.finding import Finding


def changed_numbers(evidence: Evidence) -> Iterator[Finding]:
    """Yield every bug that transforms the right gradients into the submitted ones."""
    parts = {part.name: part for by_kind in evidence.parts for part in by_kind.values() if part.is_submitted}
    submitted = {name: part.submitted for name, part in parts.items() if part.submitted is not None}
    right = {name: array for name, array in named(evidence.reference) if name in submitted}
    if not submitted:
        return
    wrong = tuple(name for name, part in parts.items() if not part.right)
    for bug in BUGS.values():
        for changed in bug.changes(right, submitted) if bug.changes is not None else ():
            distance = {name: np.abs(submitted[name] - changed.gradients[name]) for name in right}
            allowed = {
                name: ROUNDING_SLACK * parts[name].allowance + changed.slack.get(name, 0.0) * (1.0 + 1e-9)
                for name in right
            }
            moved_entries = sum(
                int((np.abs(right[name] - changed.gradients[name]) > 2.0 * allowed[name]).sum())
                for name in right
            )
            significant = bool(changed.slack) or moved_entries > changed.unknowns
            if significant and all((distance[name] <= allowed[name]).all() for name in right):
                size = max(float(np.abs(array).max()) for array in submitted.values()) or 1.0
                beyond = (distance[n] - changed.slack.get(n, 0.0) * (1.0 + 1e-9) for n in right)
                residual = max(max(float(array.max()), 0.0) for array in beyond) / size
                yield Finding(bug.id, None, "numbers", wrong, residual=residual, estimates=changed.estimates)
                break
