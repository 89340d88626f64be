"""Convert a report to a document of the schema `gradjury.report/1`."""

from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.caution import Caution
from verifier.consensus import Evidence
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.documents.graph_outline_document import graph_document
from verifier.documents.json_text import number, numbers
from verifier.documents.student_document import student_document
from verifier.report import SCHEMA, Audience, Entries, Entry, LossReport, ParameterReport, Report
from verifier.verdict import Verdict


def document_of(report: Report) -> dict[str, Any]:
    """Return plain dicts, lists, strings and finite numbers, in the order of the schema."""
    if report.audience is Audience.STUDENT:
        return student_document(report)
    document: dict[str, Any] = {"schema": SCHEMA}
    if report.name is not None:
        document["name"] = report.name
    return document | {
        "verdict": str(report.verdict),
        "loss": _loss(report.loss),
        "summary": summary_of(report),
        "parameters": [_parameter(parameter) for parameter in report.parameters.values()],
        "diagnosis": [_diagnosis(row) for row in report.diagnosis],
        "warnings": [_warning(caution) for caution in report.warnings],
        "evidence": [_evidence(item) for item in report.evidence],
        "convention": dict(report.convention or {}),
        "precision": report.precision,
        "tolerance": {key: value for key, value in (report.tolerance or {}).items() if value is not None},
        **_network(report),
        "versions": dict(report.versions),
        "seconds": report.seconds,
    }


def summary_of(report: Report) -> dict[str, int]:
    """Return the number of entries by verdict; `parameters` counts all, missing ones included."""
    rows = list(report.parameters.values())
    return {
        "parameters": sum(int(np.prod(row.shape)) for row in rows),
        "correct": sum(row.correct for row in rows),
        "incorrect": sum(row.incorrect for row in rows),
        "undecided": sum(row.undecided for row in rows),
        "missing": sum(int(np.prod(row.shape)) for row in rows if row.verdict is Verdict.MISSING),
    }


def _optional(value: float | None) -> float | str | None:
    return None if value is None else number(value)


def _loss(loss: LossReport) -> dict[str, Any]:
    document: dict[str, Any] = {"value": number(loss.value), "uncertainty": number(loss.uncertainty)}
    if loss.reported is not None:
        document |= {"reported": number(loss.reported), "verdict": str(loss.verdict)}
    return document | {"graded_under": dict(loss.graded_under)}


def _parameter(parameter: ParameterReport) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": parameter.name,
        "shape": list(parameter.shape),
        "verdict": str(parameter.verdict),
    }
    if parameter.verdict is Verdict.MISSING:
        return document
    counts = ("correct", "incorrect", "undecided", "uninformative", "to_rounding", "subgradients")
    measures = ("max_abs_error", "max_rel_error", "relative_norm_error", "cosine", "ratio")
    document |= {count: getattr(parameter, count) for count in counts}
    document |= {measure: _optional(getattr(parameter, measure)) for measure in measures}
    document["worst"] = [_entry(entry) for entry in parameter.worst]
    if parameter.entries is not None:
        document["entries"] = _entries(parameter.entries)
    return document


def _entry(entry: Entry) -> dict[str, Any]:
    figures = ("submitted", "expected", "uncertainty", "tolerance", "abs_error", "rel_error")
    return {
        "index": list(entry.index),
        "verdict": str(entry.verdict),
        **{figure: _optional(getattr(entry, figure)) for figure in figures},
        **({"subgradient": True} if entry.subgradient else {}),
        **({"slopes": [number(slope) for slope in entry.slopes]} if entry.slopes else {}),
    }


def _entries(entries: Entries) -> dict[str, Any]:
    def nested(array: Array) -> Any:
        values = array.tolist()
        return values if np.isfinite(array).all() else numbers(values)

    return {
        field: nested(getattr(entries, field))
        for field in ("expected", "submitted", "difference", "tolerance")
    }


def _network(report: Report) -> dict[str, Any]:
    if report.graph is not None:
        return {"network": graph_document(report.graph)}
    layers = [
        {"in": layer.inputs, "out": layer.outputs, "activation": layer.activation, "bias": layer.bias}
        for layer in report.network
    ]
    return {"network": {"layers": layers}} if layers else {}


def _diagnosis(row: Diagnosis) -> dict[str, Any]:
    return {
        "bug": row.bug,
        "title": row.title,
        "layer": row.layer,
        **({} if row.node is None else {"node": row.node}),
        "equation": row.equation,
        "parameters": list(row.parameters),
        "factor": _optional(row.factor),
        "residual": _optional(row.residual),
        "also_consistent": list(row.also_consistent),
        **row.estimates,
        "explanation": row.explanation,
        "formula": row.formula,
        "right_formula": row.right,
        "used_formula": row.wrong,
        "hint": row.hint,
    }


def _warning(caution: Caution) -> dict[str, Any]:
    document: dict[str, Any] = {"code": caution.code}
    if caution.layer is not None:
        document["layer"] = caution.layer
    if caution.units:
        document["units"] = list(caution.units)
    return document | {"detail": caution.detail}


def _evidence(item: Evidence) -> dict[str, Any]:
    document: dict[str, Any] = {
        "oracle": item.oracle,
        "entries": item.entries,
        "agrees": item.agrees,
        "max_disagreement": _optional(item.max_disagreement),
        "uncertainty": str(item.uncertainty),
    }
    return document | ({"reason": item.reason} if item.reason else {})
