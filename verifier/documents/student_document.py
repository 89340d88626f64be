"""Convert a student's report to a document and back; hidden fields are absent."""

from collections.abc import Mapping
from math import nan
from typing import Any

from verifier.caution import Caution
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.documents.graph_outline_document import graph_document, read_graph_outline
from verifier.report import SCHEMA, Audience, LossReport, ParameterReport, Report
from verifier.verdict import Verdict

_WORDS = ("bug", "title", "explanation", "right", "wrong")


def student_document(report: Report) -> dict[str, Any]:
    """Return the document, ready for JSON."""
    return {
        "schema": SCHEMA,
        **({} if report.name is None else {"name": report.name}),
        "audience": str(Audience.STUDENT),
        "verdict": str(report.verdict),
        "parameters": [
            {"name": row.name, "shape": list(row.shape), "verdict": str(row.verdict)}
            for row in report.parameters.values()
        ],
        "diagnosis": [_diagnosis(row) for row in report.diagnosis],
        "warnings": [{"code": row.code, "detail": row.detail} for row in report.warnings],
        "precision": report.precision,
        **({} if report.graph is None else {"network": graph_document(report.graph)}),
    }


def read_student_report(document: Mapping[str, Any]) -> Report:
    """Return the report in a document, the inverse of `student_document`."""
    rows = [
        ParameterReport(row["name"], tuple(row["shape"]), Verdict(row["verdict"]))
        for row in document["parameters"]
    ]
    return Report(
        verdict=Verdict(document["verdict"]),
        loss=LossReport(value=nan, uncertainty=nan, graded_under={}),
        parameters={row.name: row for row in rows},
        warnings=tuple(Caution(row["code"], row["detail"]) for row in document["warnings"]),
        evidence=(),
        versions={},
        seconds=0.0,
        name=document.get("name"),
        precision=document["precision"],
        diagnosis=tuple(_read_diagnosis(row) for row in document["diagnosis"]),
        audience=Audience.STUDENT,
        graph=read_graph_outline(document.get("network", {})),
    )


def _diagnosis(row: Diagnosis) -> dict[str, Any]:
    place = {"layer": row.layer, "equation": row.equation} if row.equation else {}
    place |= {"node": row.node} if row.node else {}
    words = {word: getattr(row, word) for word in _WORDS if getattr(row, word)}
    return words | place | ({"hint": row.hint} if row.hint else {})


def _read_diagnosis(row: Mapping[str, Any]) -> Diagnosis:
    return Diagnosis(
        **{word: row.get(word, "") for word in (*_WORDS, "equation", "hint")},
        layer=row.get("layer"),
        node=row.get("node"),
        parameters=(),
        factor=None,
        residual=None,
        also_consistent=(),
    )
