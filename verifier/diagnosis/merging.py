"""Merge the findings of single layers that come from one line of code."""

from dataclasses import replace

import numpy as np

from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.costs import CLIP_NORM_DIGITS, MAX_CLIP_NORM_ERROR
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.finding import UNEXPLAINED_ID, Finding

_COMPOUNDS = "batch-mean-again-in-hidden-layers"  # repeated in every layer below
_EXCHANGED, _BIAS_OF_ANOTHER = "layer-order", "bias-of-another-layer"


def merged(evidence: Evidence, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return one finding for each bug; a constant factor becomes clipping if the norm is a round number."""
    results: list[Finding] = []
    exchanged = any(finding.bug == _EXCHANGED for finding in findings)
    for finding in findings:
        if exchanged and finding.bug == _BIAS_OF_ANOTHER:
            finding = replace(finding, bug=_EXCHANGED)  # its weight gradient was exchanged too
        position = next((i for i, row in enumerate(results) if _is_same_bug(row, finding)), None)
        if position is None:
            whole = BUGS[finding.bug].in_whole_network
            results.append(replace(finding, layer=None) if whole else finding)
        else:
            names = (*results[position].parameters, *finding.parameters)
            layer = (
                results[position].layer
                if results[position].layer == finding.layer or _compounds(finding)
                else None
            )
            residuals = [r for r in (results[position].residual, finding.residual) if r is not None]
            residual = max(residuals, default=None)
            results[position] = replace(results[position], parameters=names, residual=residual, layer=layer)
    return tuple(_as_clipped(evidence, _of_all_wrong(evidence, row)) for row in results)


def _of_all_wrong(evidence: Evidence, finding: Finding) -> Finding:
    """Return a finding of the whole network with all wrong gradients as its parameters."""
    if finding.layer is not None or finding.equation in ("weight_gradient", "bias_gradient"):
        return finding
    wrong = tuple(
        p.name for by_kind in evidence.parts for p in by_kind.values() if p.is_submitted and not p.right
    )
    return replace(finding, parameters=wrong)


def _is_same_bug(other: Finding, finding: Finding) -> bool:
    """True for one bug in the whole network, in both products of a layer, or repeated in the layers below."""
    if other.bug != finding.bug or other.bug == UNEXPLAINED_ID:
        return False
    if BUGS[other.bug].in_whole_network or _compounds(other):
        return True
    if "weights" in other.estimates:
        return bool(other.estimates["weights"] == finding.estimates.get("weights"))
    both = {other.equation, finding.equation} == {"weight_gradient", "bias_gradient"}
    return other.layer == finding.layer and both and other.factor == finding.factor


def _compounds(finding: Finding) -> bool:
    return finding.bug == _COMPOUNDS


def _as_clipped(evidence: Evidence, finding: Finding) -> Finding:
    """Return a constant factor below 1 as clipping if the norm of the gradient is a round number."""
    if finding.bug != "constant-factor" or finding.layer is not None or not 0 < (finding.factor or 0) < 1:
        return finding
    finding = replace(finding, also=(*finding.also, "clipped"))  # to an unknown norm
    parts = [part for by_kind in evidence.parts for part in by_kind.values()]
    if any(part.submitted is None for part in parts):
        return finding
    norm = float(np.linalg.norm(np.concatenate([np.ravel(part.submitted) for part in parts])))  # type: ignore[arg-type]
    relative_error = float(np.linalg.norm(np.concatenate([part.allowance.ravel() for part in parts]))) / norm
    nearest = float(f"{norm:.{CLIP_NORM_DIGITS}g}")
    if relative_error > MAX_CLIP_NORM_ERROR or abs(norm - nearest) > max(relative_error, 1e-13) * nearest:
        return finding
    return replace(
        finding,
        bug="clipped",
        equation="numbers",
        estimates={"threshold": nearest, "by": "norm"},
        also=tuple(bug for bug in dict.fromkeys((*finding.also, finding.bug)) if bug != "clipped"),
    )
