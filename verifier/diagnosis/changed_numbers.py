"""Whether a right gradient was changed as a whole: zeroed, clipped, truncated, rounded in print."""

from collections.abc import Iterator

import numpy as np

from reference_impl.network import named
from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.evidence import SLACK, Evidence
from verifier.diagnosis.finding import Finding


def changed_numbers(evidence: Evidence) -> Iterator[Finding]:
    """Give every row of the table whose change of the right gradient gives just what was handed in."""
    parts = {part.name: part for row in evidence.parts for part in row.values() if part.given}
    submitted = {name: part.submitted for name, part in parts.items() if part.submitted is not None}
    right = {name: array for name, array in named(evidence.reference) if name in submitted}
    if not submitted:
        return
    wrong = tuple(name for name, part in parts.items() if not part.right)
    for bug in BUGS.values():
        for changed in bug.changes(right, submitted) if bug.changes is not None else ():
            distance = {name: np.abs(submitted[name] - changed.gradients[name]) for name in right}
            allowed = {
                name: SLACK * parts[name].allowance + changed.slack.get(name, 0.0) * (1.0 + 1e-9)
                for name in right
            }
            moved = sum(
                int((np.abs(right[name] - changed.gradients[name]) > 2.0 * allowed[name]).sum())
                for name in right
            )
            told = bool(changed.slack) or moved > changed.unknowns
            if told and all((distance[name] <= allowed[name]).all() for name in right):
                size = max(float(np.abs(array).max()) for array in submitted.values()) or 1.0
                beyond = (distance[n] - changed.slack.get(n, 0.0) * (1.0 + 1e-9) for n in right)
                residual = max(max(float(array.max()), 0.0) for array in beyond) / size
                yield Finding(bug.id, None, "numbers", wrong, residual=residual, estimates=changed.estimates)
                break
