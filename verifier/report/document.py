"""Convert a report to its JSON document, for graders or for students."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.problem.errors import ReportWarning
from verifier.report.model import (
    SCHEMA,
    Audience,
    Diagnosis,
    Entries,
    Entry,
    Evidence,
    GraphOutline,
    LossReport,
    NodeOutline,
    ParameterReport,
    ReportData,
)
from verifier.report.numbers import json_number, json_numbers
from verifier.report.verdict import Verdict


def graph_document(outline: GraphOutline) -> dict[str, Any]:
    """Return the document's `network`, in which nodes have the names of their gradients."""
    return {
        "nodes": [_node(node) for node in outline.nodes],
        "output": outline.output,
        "first_wrong": list(outline.first_wrong),
        "count": outline.count,
    }


def read_graph_outline(document: Mapping[str, Any]) -> GraphOutline | None:
    """Return the outline; None if the network has layers or is absent."""
    if "nodes" not in document:
        return None
    return GraphOutline(
        nodes=tuple(_read_node(row) for row in document["nodes"]),
        output=document["output"],
        first_wrong=tuple(document["first_wrong"]),
        count=document["count"],
    )


def _node(node: NodeOutline) -> dict[str, Any]:
    document: dict[str, Any] = {"name": node.name, "op": node.operation, "shape": list(node.shape)}
    if node.computed:
        document["args"] = list(node.operands)
    if node.options:
        document["options"] = node.options
    if node.continues:
        document["continues"] = True
    arrays = {"value": node.value, "gradient": node.gradient}
    return document | {
        field: [json_number(value) for value in values]
        for field, values in arrays.items()
        if values is not None
    }


def _read_node(row: Mapping[str, Any]) -> NodeOutline:
    return NodeOutline(
        name=row["name"],
        operation=row["op"],
        shape=tuple(row["shape"]),
        operands=tuple(row.get("args", ())),
        options=row.get("options", ""),
        value=_numbers(row.get("value")),
        gradient=_numbers(row.get("gradient")),
        continues=row.get("continues", False),
    )


def _numbers(values: list[float | str] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in values)


DIAGNOSIS_TEXTS = ("bug", "title", "explanation", "right", "wrong")


def student_document(report: ReportData) -> dict[str, Any]:
    """Return the document, ready for JSON."""
    return {
        "schema": SCHEMA,
        **({} if report.name is None else {"name": report.name}),
        "audience": str(Audience.STUDENT),
        "verdict": str(report.verdict),
        "parameters": [
            {"name": row.name, "shape": list(row.shape), "verdict": str(row.verdict), **_submitted_as(row)}
            for row in report.parameters.values()
        ],
        "diagnosis": [_student_diagnosis(row) for row in report.diagnosis],
        "warnings": [{"code": row.code, "detail": row.detail} for row in report.warnings],
        "precision": report.precision,
        **({} if report.graph is None else {"network": graph_document(report.graph)}),
    }


def _student_diagnosis(row: Diagnosis) -> dict[str, Any]:
    place = {"layer": row.layer, **_layers(row), "equation": row.equation} if row.equation else {}
    place |= {"node": row.node} if row.node else {}
    words = {word: getattr(row, word) for word in DIAGNOSIS_TEXTS if getattr(row, word)}
    return words | place | ({"hint": row.hint} if row.hint else {})


def report_to_document(report: ReportData) -> dict[str, Any]:
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
        "warnings": [_warning(warning) for warning in report.warnings],
        "evidence": [_evidence(item) for item in report.evidence],
        "convention": dict(report.convention or {}),
        "precision": report.precision,
        "tolerance": {key: value for key, value in (report.tolerance or {}).items() if value is not None},
        **_network(report),
        "versions": dict(report.versions),
        "seconds": report.seconds,
    }


def summary_of(report: ReportData) -> dict[str, int]:
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
    return None if value is None else json_number(value)


def _loss(loss: LossReport) -> dict[str, Any]:
    document: dict[str, Any] = {
        "value": json_number(loss.value),
        "uncertainty": json_number(loss.uncertainty),
    }
    if loss.reported is not None:
        document |= {"reported": json_number(loss.reported), "verdict": str(loss.verdict)}
    return document | {"graded_under": dict(loss.graded_under)}


def _submitted_as(row: ParameterReport) -> dict[str, str]:
    return {} if row.submitted_as is None else {"submitted_as": row.submitted_as}


def _parameter(parameter: ParameterReport) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": parameter.name,
        "shape": list(parameter.shape),
        "verdict": str(parameter.verdict),
        **_submitted_as(parameter),
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
        **({"slopes": [json_number(slope) for slope in entry.slopes]} if entry.slopes else {}),
    }


def _entries(entries: Entries) -> dict[str, Any]:
    def nested(array: Array) -> Any:
        values = array.tolist()
        return values if np.isfinite(array).all() else json_numbers(values)

    return {
        field: nested(getattr(entries, field))
        for field in ("expected", "submitted", "difference", "tolerance")
    }


def _network(report: ReportData) -> dict[str, Any]:
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
        **_layers(row),
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


def _layers(row: Diagnosis) -> dict[str, Any]:
    return {"layers": list(row.layers)} if row.layers else {}


def _warning(warning: ReportWarning) -> dict[str, Any]:
    document: dict[str, Any] = {"code": warning.code}
    if warning.layer is not None:
        document["layer"] = warning.layer
    if warning.units:
        document["units"] = list(warning.units)
    return document | {"detail": warning.detail}


def _evidence(item: Evidence) -> dict[str, Any]:
    document: dict[str, Any] = {
        "oracle": item.oracle,
        "entries": item.entries,
        "agrees": item.agrees,
        "max_disagreement": _optional(item.max_disagreement),
        "uncertainty": str(item.uncertainty),
    }
    return document | ({"reason": item.reason} if item.reason else {})
