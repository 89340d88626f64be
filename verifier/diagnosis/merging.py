"""From the findings of single layers to mistakes of the program: what is one line of code is one row."""

from dataclasses import replace

import numpy as np

from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.finding import UNEXPLAINED_ID, Finding

_COMPOUNDS = "batch-mean-again-in-hidden-layers"  # once more in every layer further down
_EXCHANGED, _BIAS_OF_ANOTHER = "layer-order", "bias-of-another-layer"
_ROUND_DIGITS = 2
_ROUND = 2e-5


def merged(evidence: Evidence, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Merge rows that are one mistake, and read a factor as clipping where the norm shows that."""
    rows: list[Finding] = []
    exchanged = any(finding.bug == _EXCHANGED for finding in findings)
    for finding in findings:
        if exchanged and finding.bug == _BIAS_OF_ANOTHER:
            finding = replace(finding, bug=_EXCHANGED)  # it came with its weights
        at = next((i for i, row in enumerate(rows) if _is_one_row(row, finding)), None)
        if at is None:
            whole = BUGS[finding.bug].in_whole_network
            rows.append(replace(finding, layer=None) if whole else finding)
        else:
            names = (*rows[at].parameters, *finding.parameters)
            layer = rows[at].layer if rows[at].layer == finding.layer or _compounds(finding) else None
            residuals = [own for own in (rows[at].residual, finding.residual) if own is not None]
            residual = max(residuals, default=None)
            rows[at] = replace(rows[at], parameters=names, residual=residual, layer=layer)
    return tuple(_as_clipped(evidence, _of_all_wrong(evidence, row)) for row in rows)


def _of_all_wrong(evidence: Evidence, finding: Finding) -> Finding:
    """A mistake of the whole network spoils every gradient that is wrong."""
    if finding.layer is not None or finding.equation in ("weight_gradient", "bias_gradient"):
        return finding
    wrong = tuple(p.name for row in evidence.parts for p in row.values() if p.given and not p.right)
    return replace(finding, parameters=wrong)


def _is_one_row(row: Finding, finding: Finding) -> bool:
    """One bug in the network as a whole, or in both products of one layer, or compounding downwards."""
    if row.bug != finding.bug or row.bug == UNEXPLAINED_ID:
        return False
    if BUGS[row.bug].in_whole_network or _compounds(row):
        return True
    if "weights" in row.estimates:
        return bool(row.estimates["weights"] == finding.estimates.get("weights"))
    both = {row.equation, finding.equation} == {"weight_gradient", "bias_gradient"}
    return row.layer == finding.layer and both and row.factor == finding.factor


def _compounds(finding: Finding) -> bool:
    return finding.bug == _COMPOUNDS


def _as_clipped(evidence: Evidence, finding: Finding) -> Finding:
    """A shrunken gradient whose norm is a round number was clipped to it."""
    if finding.bug != "constant-factor" or finding.layer is not None or not 0 < (finding.factor or 0) < 1:
        return finding
    finding = replace(finding, also=(*finding.also, "clipped"))  # to a norm that nobody knows
    parts = [part for row in evidence.parts for part in row.values()]
    if any(part.submitted is None for part in parts):
        return finding
    norm = float(np.linalg.norm(np.concatenate([np.ravel(part.submitted) for part in parts])))  # type: ignore[arg-type]
    blur = float(np.linalg.norm(np.concatenate([part.allowance.ravel() for part in parts]))) / norm
    nearest = float(f"{norm:.{_ROUND_DIGITS}g}")
    if blur > _ROUND or abs(norm - nearest) > max(blur, 1e-13) * nearest:
        return finding
    return replace(
        finding,
        bug="clipped",
        equation="numbers",
        estimates={"threshold": nearest, "by": "norm"},
        also=tuple(bug for bug in dict.fromkeys((*finding.also, finding.bug)) if bug != "clipped"),
    )
