"""Read a report from its document."""

from collections.abc import Mapping
from math import nan
from typing import Any

import numpy as np

from verifier.problem.errors import ReportWarning
from verifier.report.document import DIAGNOSIS_TEXTS, read_graph_outline
from verifier.report.model import (
    SCHEMA,
    Audience,
    Diagnosis,
    Entries,
    Entry,
    Evidence,
    LayerOutline,
    LossReport,
    ParameterReport,
    Uncertainty,
)
from verifier.report.report import Report
from verifier.report.verdict import Verdict

_ROW = ("bug", "title", "layer", "layers", "equation", "parameters", "factor", "residual", "also_consistent")
_WORDS = ("explanation", "formula", "right_formula", "used_formula", "hint", "for_students")


def read_report(document: Mapping[str, Any]) -> Report:
    """Return the report in a document, the inverse of `Report.to_dict`.

    Raises: ValueError for another schema.
    """
    if document.get("schema") != SCHEMA:
        raise ValueError(f"expected a document of schema {SCHEMA}, got {document.get('schema')!r}")
    if document.get("audience") == Audience.STUDENT:
        return _read_student_report(document)
    loss = document["loss"]
    return Report(
        verdict=Verdict(document["verdict"]),
        loss=LossReport(
            value=float(loss["value"]),
            uncertainty=float(loss["uncertainty"]),
            graded_under=loss["graded_under"],
            reported=_float(loss.get("reported")),
            verdict=Verdict(loss["verdict"]) if "verdict" in loss else None,
        ),
        parameters={row["name"]: _parameter(row) for row in document["parameters"]},
        warnings=tuple(_caution(row) for row in document["warnings"]),
        evidence=tuple(_evidence(row) for row in document["evidence"]),
        versions=document["versions"],
        seconds=document["seconds"],
        name=document.get("name"),
        convention=document["convention"],
        precision=document["precision"],
        tolerance={"preset": None} | document["tolerance"],
        diagnosis=tuple(_diagnosis(row) for row in document["diagnosis"]),
        network=tuple(_layer(row) for row in document.get("network", {}).get("layers", ())),
        graph=read_graph_outline(document.get("network", {})),
    )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)  # float() accepts "NaN" and "Infinity"


def _parameter(row: Mapping[str, Any]) -> ParameterReport:
    entries = row.get("entries")
    return ParameterReport(
        name=row["name"],
        shape=tuple(row["shape"]),
        verdict=Verdict(row["verdict"]),
        correct=row.get("correct", 0),
        incorrect=row.get("incorrect", 0),
        undecided=row.get("undecided", 0),
        uninformative=row.get("uninformative", 0),
        to_rounding=row.get("to_rounding", 0),
        subgradients=row.get("subgradients", 0),
        max_abs_error=_float(row.get("max_abs_error")),
        max_rel_error=_float(row.get("max_rel_error")),
        relative_norm_error=_float(row.get("relative_norm_error")),
        cosine=_float(row.get("cosine")),
        ratio=_float(row.get("ratio")),
        worst=tuple(_entry(entry) for entry in row.get("worst", ())),
        entries=None if entries is None else _entries(entries),
        submitted_as=row.get("submitted_as"),
    )


def _entries(row: Mapping[str, Any]) -> Entries:
    arrays = {name: np.asarray(values, float) for name, values in row.items()}
    arrays.setdefault(
        "tolerance", np.full_like(arrays["expected"], np.nan)
    )  # older documents have no tolerance
    return Entries(**arrays)


def _layer(row: Mapping[str, Any]) -> LayerOutline:
    return LayerOutline(row["in"], row["out"], row["activation"], row["bias"])


def _entry(row: Mapping[str, Any]) -> Entry:
    slopes = row.get("slopes")
    return Entry(
        index=tuple(row["index"]),
        verdict=Verdict(row["verdict"]),
        **{
            figure: float(row[figure])
            for figure in ("submitted", "expected", "uncertainty", "tolerance", "abs_error")
        },
        rel_error=_float(row["rel_error"]),
        subgradient=row.get("subgradient", False),
        slopes=None if slopes is None else (float(slopes[0]), float(slopes[1])),
    )


def _diagnosis(row: Mapping[str, Any]) -> Diagnosis:
    return Diagnosis(
        **{field: row[field] for field in ("bug", "title", "layer", "equation", "explanation", "hint")},
        parameters=tuple(row["parameters"]),
        factor=_float(row["factor"]),
        residual=_float(row["residual"]),
        also_consistent=tuple(row["also_consistent"]),
        right=row["right_formula"],
        wrong=row["used_formula"],
        node=row.get("node"),
        layers=tuple(row.get("layers", ())),
        for_students=row.get("for_students", ""),  # in stored reports alone
        estimates={key: value for key, value in row.items() if key not in (*_ROW, *_WORDS)},
    )


def _caution(row: Mapping[str, Any]) -> ReportWarning:
    return ReportWarning(row["code"], row["detail"], row.get("layer"), tuple(row.get("units", ())))


def _evidence(row: Mapping[str, Any]) -> Evidence:
    return Evidence(
        oracle=row["oracle"],
        entries=row["entries"],
        agrees=row["agrees"],
        max_disagreement=_float(row["max_disagreement"]),
        uncertainty=Uncertainty(row["uncertainty"]),
        reason=row.get("reason", ""),
    )


def _read_student_report(document: Mapping[str, Any]) -> Report:
    """Return the report in a document, for a student."""
    rows = [
        ParameterReport(
            row["name"],
            tuple(row["shape"]),
            Verdict(row["verdict"]),
            submitted_as=row.get("submitted_as"),
        )
        for row in document["parameters"]
    ]
    return Report(
        verdict=Verdict(document["verdict"]),
        loss=LossReport(value=nan, uncertainty=nan, graded_under={}),
        parameters={row.name: row for row in rows},
        warnings=tuple(ReportWarning(row["code"], row["detail"]) for row in document["warnings"]),
        evidence=(),
        versions={},
        seconds=0.0,
        name=document.get("name"),
        precision=document["precision"],
        diagnosis=tuple(_student_diagnosis(row) for row in document["diagnosis"]),
        audience=Audience.STUDENT,
        graph=read_graph_outline(document.get("network", {})),
    )


def _student_diagnosis(row: Mapping[str, Any]) -> Diagnosis:
    return Diagnosis(
        **{word: row.get(word, "") for word in (*DIAGNOSIS_TEXTS, "equation", "hint")},
        layer=row.get("layer"),
        layers=tuple(row.get("layers", ())),
        node=row.get("node"),
        parameters=(),
        factor=None,
        residual=None,
        also_consistent=(),
    )
