"""Describe a finding in words: fill the catalogue's templates with layers, units and numbers."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from reference_impl.problem import Problem
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.catalogue.bug import PRODUCTS
from verifier.diagnosis.costs import CLIP_NORM_DIGITS, MAX_CLIP_NORM_ERROR, SAME_STRENGTH_RTOL
from verifier.diagnosis.evidence import SubmittedEvidence
from verifier.report.formulas import DERIVATIVES
from verifier.report.model import UNEXPLAINED_ID, Diagnosis, Finding
from verifier.report.numbers import join_with_and

_EQUATIONS = {
    "loss": "the loss",
    "output_delta": "the output layer's δ",
    "hidden_delta": "δ of {place}",
    "weight_gradient": "the weight gradient of {place}",
    "bias_gradient": "the bias gradient of {place}",
    "penalty": "the penalty's part",
    "numbers": "the submitted numbers",
}
_WEIGHTS_SHOWN = 8

# explanations of a bug that is reported together with another one
_BESIDE = {
    "rounded": "Besides, the numbers were printed to {digits} digits.",
    "inexact-numbers": "Besides, the numbers have small errors{noise}.",
    "lower-precision-than-declared": "Besides, the numbers are of a lower precision than the declared one.",
}
_BESIDE_FOR_STUDENTS = {
    "rounded": "Besides, the numbers were rounded in print.",
    "inexact-numbers": "Besides, all numbers have small errors.",
    "lower-precision-than-declared": "Besides, the numbers are of a lower precision than the declared one.",
}
# a mean for a sum in one gradient, where the layer's other one is not right, or was not submitted
_SUM_OR_MEAN = {"weight-sum-for-mean": ("weight", "bias"), "bias-mean-for-sum": ("bias", "weight")}
_WITHOUT_OTHER = (
    "The {kind} gradient of {place} is {factor} times the right one, which is N or 1/N with N = {examples} "
    "examples: a mean over the batch stands where a sum belongs, or the reverse."
)
_WITHOUT_OTHER_FOR_STUDENTS = (
    "The {kind} gradient of {place} is wrong. Over the N = {examples} examples, a mean stands where a sum "
    "belongs, or the reverse."
)
_PUBLIC = ("place", "above", "examples", "outputs")  # placeholders of explanations for students
_NO_PLAIN_OVERFLOW = (
    "NaN or infinity was submitted for {parameters}, first in {place}. Plain formulas stay within the range "
    "of the numbers on this problem, so look for a 0/0, a log(0) or an entry that was never set."
)
_CUT = (
    "The submitted gradient is wrong, and the error starts in {where}. The search was cut short before all "
    "known mistakes were tried, so it may be one of them."
)
_NO_PLAIN_OVERFLOW_FOR_STUDENTS = (
    "NaN or infinity was submitted. Plain formulas stay within the range of the numbers on this problem, so "
    "look for a 0/0, a log(0) or an entry that was never set."
)


def to_diagnosis(
    evidence: SubmittedEvidence, finding: Finding, alone: bool = True, in_full: bool = True
) -> Diagnosis:
    """Return a finding in words.

    alone: it is the only finding. in_full: the search ended before its budget was used up.
    """
    words = BUGS[finding.bug].words
    filled = _filled(evidence.problem, finding)
    explanation = words.explanation.format(**filled)
    for_students = (words.for_students or words.explanation).format(
        **{name: filled[name] for name in _PUBLIC}
    )
    if not alone and finding.bug in _BESIDE:
        explanation = _BESIDE[finding.bug].format(**filled)
        for_students = _BESIDE_FOR_STUDENTS[finding.bug]
    if finding.bug in _SUM_OR_MEAN:
        kind, other = _SUM_OR_MEAN[finding.bug]
        parts = [evidence.parts[layer].get(other) for layer in finding.all_layers]
        if not all(part is not None and part.is_submitted and part.right for part in parts):
            explanation = _WITHOUT_OTHER.format(kind=kind, **filled)
            for_students = _WITHOUT_OTHER_FOR_STUDENTS.format(kind=kind, **filled)
    if finding.estimates.get("in_plain_arithmetic") is False:
        explanation = _NO_PLAIN_OVERFLOW.format(
            parameters=", ".join(finding.parameters), place=filled["place"]
        )
        for_students = _NO_PLAIN_OVERFLOW_FOR_STUDENTS
    if finding.bug == UNEXPLAINED_ID:
        where = _EQUATIONS[finding.equation].format(**filled)
        explanation += f" The first error is in {where}."
        if not in_full:
            explanation = _CUT.format(where=where)
    return Diagnosis(
        bug=finding.bug,
        layer=finding.layer,
        equation=finding.equation,
        parameters=finding.parameters,
        factor=finding.factor,
        residual=finding.residual,
        also_consistent=finding.equivalent_bugs,
        title=words.title,
        explanation=explanation + _places(finding) + _units(evidence, finding),
        right=words.right,
        wrong=words.wrong,
        hint=words.hint.format(place=filled["place"]) + _penalty_hint(evidence.problem, finding),
        estimates=finding.estimates,
        for_students=for_students,
        layers=finding.layers,
    )


def _places(finding: Finding) -> str:
    """Return a sentence that names the inputs or units of the layer to which a mistake is limited."""
    for kind in ("inputs", "units"):
        if kind in finding.estimates:
            return f" Only the layer's {kind} {_shown(finding.estimates[kind])} are affected."
    return ""


def _penalty_hint(problem: Problem, finding: Finding) -> str:
    """Return a further hint for a weight gradient that nothing explains, if there are penalties."""
    weights = any(name.endswith(".weight") for name in finding.parameters)
    if finding.bug != UNEXPLAINED_ID or not weights or not problem.risk.penalties:
        return ""
    return (
        " The declared loss has a penalty, too: is its derivative by each weight added to the gradient of "
        "each layer, with all its constants?"
    )


def _filled(problem: Problem, finding: Finding) -> dict[str, Any]:
    """Return the values of all placeholders in the catalogue's templates."""
    layers = problem.network.layers
    place = "the whole network"
    above = "the loss"
    if finding.layers:
        names = (_layer_name(problem, layer).removeprefix("layer ") for layer in finding.layers)
        place, above = f"layers {join_with_and(*names)}", "the layer above"
    elif finding.layer is not None:
        place = _layer_name(problem, finding.layer)
        if finding.layer + 1 < len(layers):
            above = f"layer {finding.layer + 1}"
    filled: dict[str, Any] = {
        "place": place,
        "above": above,
        "examples": problem.batch.size,
        "outputs": layers[-1].outputs,
        "factor": "" if finding.factor is None else f"{finding.factor:.6g}",
        "other": "another layer",
        "used": "another function",
        "derivative": _derivative(problem, finding),
        "alternative": "another loss",
        "example": "",
        "weights": "",
        "threshold": "",
        "digits": "",
        "noise": _noise(finding),
    }
    return filled | {name: _shown(value) for name, value in finding.estimates.items()}


def _derivative(problem: Problem, finding: Finding) -> str:
    """Return the right derivative of the activation as an equation, such as `tanh′ = 1 − z²`."""
    layers = finding.layers or ((finding.layer,) if finding.layer is not None else ())
    names = {problem.network.layers[layer].activation.name for layer in layers}
    if len(names) == 1 and (name := names.pop()) in DERIVATIVES:
        return f"{name}′ = {DERIVATIVES[name]}"
    return "that is not g′"


def _layer_name(problem: Problem, layer: int) -> str:
    row = problem.network.layers[layer]
    return f"layer {layer} ({row.activation.name}, {row.inputs} → {row.outputs})"


def _noise(finding: Finding) -> str:
    """Return where the errors of inexact numbers come from, and after how many digits they begin."""
    estimates, words = finding.estimates, ""
    if "learning_rate" in estimates:
        rate = estimates["learning_rate"]
        return f": they were recovered from a weight update, learning rate about {rate:.1g}"
    if "digits" in estimates:
        words = f" beyond about {estimates['digits']} digits"
    if "epsilon" in estimates:
        words += f", consistent with an epsilon of about {estimates['epsilon']:.1g} in the loss"
    return words


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        numbers = ", ".join(f"{number:.4g}" for number in value[:_WEIGHTS_SHOWN])
        return f"[{numbers}{', …' if len(value) > _WEIGHTS_SHOWN else ''}]"
    return str(value)


def _units(evidence: SubmittedEvidence, finding: Finding) -> str:
    """Return a sentence that names the affected units of the layer, the worst one last."""
    if finding.layer is None or finding.layers or not finding.parameters:
        return ""
    parts = [
        p for p in evidence.parts[finding.layer].values() if p.name in finding.parameters and p.is_submitted
    ]
    error = np.zeros(evidence.problem.network.layers[finding.layer].outputs)
    max_error = np.zeros_like(error)
    for part in parts:
        right = getattr(evidence.reference[finding.layer], part.kind)
        distance = np.abs(np.atleast_2d(part.submitted) - np.atleast_2d(right))  # type: ignore[arg-type]
        error = np.maximum(error, distance.max(axis=0))
        max_error = np.maximum(max_error, np.atleast_2d(part.allowance).max(axis=0))
    if error.size < 2 or not error.any():
        return ""
    affected = np.flatnonzero(error > max_error)
    which = "All units" if affected.size == error.size else f"{affected.size} of {error.size} units"
    if affected.size == 1:
        return f" Only unit {int(affected[0])} of layer {finding.layer} is affected."
    return f" {which} of layer {finding.layer} are affected, most of all unit {int(error.argmax())}."


_COMPOUNDS = "batch-mean-again-in-hidden-layers"  # repeated in every layer below
_EXCHANGED, _BIAS_OF_ANOTHER = "layer-order", "bias-of-another-layer"
_MISSING, _MISSING_ON_BIASES = "penalty-missing", "penalty-missing-on-biases"


def merge_findings(evidence: SubmittedEvidence, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return one finding for each bug, in as many layers as it is made.

    A constant factor becomes clipping if the norm is a round number.
    """
    results: list[Finding] = []
    exchanged = any(finding.bug == _EXCHANGED for finding in findings)
    unpenalised = {finding.layer for finding in findings if finding.bug == _MISSING}
    for finding in findings:
        if exchanged and finding.bug == _BIAS_OF_ANOTHER:
            finding = replace(finding, bug=_EXCHANGED)  # its weight gradient was exchanged too
        if finding.bug == _MISSING_ON_BIASES and finding.layer in unpenalised:
            finding = replace(finding, bug=_MISSING)  # its weight gradient lacks the penalty too
        position = next((i for i, row in enumerate(results) if _is_same_bug(row, finding)), None)
        if position is None:
            whole = BUGS[finding.bug].in_whole_network
            results.append(replace(finding, layer=None) if whole else finding)
        else:
            results[position] = _merged(results[position], finding)
    results = [
        replace(row, layer=None, layers=())
        if row.equation == "penalty" and _layers_with(evidence, row.parameters) == set(row.all_layers)
        else row
        for row in results
    ]
    return tuple(_as_clipped(evidence, _of_all_wrong(evidence, row)) for row in results)


def _layers_with(evidence: SubmittedEvidence, names: Iterable[str]) -> set[int]:
    """Return the layers in which a gradient of the same kinds, weights or biases, was submitted."""
    kinds = {name.rpartition(".")[2] for name in names}
    return {part.layer for part in evidence.all_submitted if part.kind in kinds}


def _merged(first: Finding, second: Finding) -> Finding:
    """Return one finding for the same bug in two gradients or layers; the first is nearer to the output."""
    layers: tuple[int, ...] = ()
    if first.layer is not None and second.layer is not None and not _compounds(first):
        several = dict.fromkeys((*first.all_layers, *second.all_layers))
        layers = tuple(several) if len(several) > 1 else ()
    estimates = {
        name: _merged_estimate(value, second.estimates[name])
        for name, value in first.estimates.items()
        if name in second.estimates
    }
    residuals = [r for r in (first.residual, second.residual) if r is not None]
    return replace(
        first,
        layers=layers,
        parameters=(*first.parameters, *second.parameters),
        residual=max(residuals, default=None),
        estimates=estimates,
        equivalent_bugs=tuple(bug for bug in first.equivalent_bugs if bug in second.equivalent_bugs),
    )


def _merged_estimate(first: Any, second: Any) -> Any:
    """Return the estimate of the first layer; names that depend on the layer are joined."""
    if not isinstance(first, str) or second in first.split(" and "):
        return first
    return f"{first} and {second}"


def _of_all_wrong(evidence: SubmittedEvidence, finding: Finding) -> Finding:
    """Return a finding of the whole network with all wrong gradients as its parameters."""
    if finding.layer is not None or finding.equation in ("weight_gradient", "bias_gradient"):
        return finding
    wrong = tuple(part.name for part in evidence.all_submitted if not part.right)
    return replace(finding, parameters=wrong)


def _is_same_bug(other: Finding, finding: Finding) -> bool:
    """True for one bug in the whole network, in both products of a layer, or in several layers.

    Two gradients that nothing explains have one cause if they are the same product in two layers.
    """
    if other.bug != finding.bug:
        return False
    if other.bug == UNEXPLAINED_ID:
        return other.equation == finding.equation and other.equation in PRODUCTS.values()
    if BUGS[other.bug].in_whole_network or _compounds(other):
        return True
    if (other.layer is None) != (finding.layer is None):
        return False
    if any(other.estimates.get(kind) != finding.estimates.get(kind) for kind in ("inputs", "units")):
        return False
    if "weights" in other.estimates:
        return bool(other.estimates["weights"] == finding.estimates.get("weights"))
    return _same_factor(other, finding)


def _same_factor(other: Finding, finding: Finding) -> bool:
    """True if both factors are equal but for their residuals."""
    if other.factor is None or finding.factor is None:
        return other.factor is finding.factor
    error = max(SAME_STRENGTH_RTOL, 10 * (other.residual or 0.0), 10 * (finding.residual or 0.0))
    return abs(other.factor - finding.factor) <= error * abs(finding.factor)


def _compounds(finding: Finding) -> bool:
    return finding.bug == _COMPOUNDS


def _as_clipped(evidence: SubmittedEvidence, finding: Finding) -> Finding:
    """Return a constant factor below 1 as clipping if the norm of the gradient is a round number."""
    if finding.bug != "constant-factor" or finding.layer is not None or not 0 < (finding.factor or 0) < 1:
        return finding
    finding = replace(finding, equivalent_bugs=(*finding.equivalent_bugs, "clipped"))  # to an unknown norm
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
        equivalent_bugs=tuple(
            bug for bug in dict.fromkeys((*finding.equivalent_bugs, finding.bug)) if bug != "clipped"
        ),
    )
