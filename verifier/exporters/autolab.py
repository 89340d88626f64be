"""Autolab's two last lines of output: feedback in words, and points by problem, named as the parameters are.

Autolab streams output to students, so it holds what students may see.
"""

from collections.abc import Sequence
from typing import Any

from verifier.documents.json_text import write
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.graded import Graded, graded
from verifier.points import earned, rounded
from verifier.sourced import Sourced

_STAGE = "Gradients"


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give a line of feedback and a line of scores; Autolab reads the last as the result."""
    rows = graded(reports, choices)
    names = _names(rows, choices)
    feedback = {"_presentation": "semantic", "stages": [_STAGE], _STAGE: _stage(rows)}
    return f"{write(feedback)}\n{write({'scores': names, 'scoreboard': [earned(row.score for row in rows)]})}"


def _stage(rows: Sequence[Graded]) -> dict[str, Any]:
    return {
        row.name: {"passed": True} if row.score.passed else {"passed": False, "hint": row.text}
        for row in rows
    }


def _names(rows: Sequence[Graded], choices: ExportChoices) -> dict[str, float]:
    """Give points by problem; what could not be judged earns none in each problem that has points."""
    named = (
        dict.fromkeys(choices.points.by_name, 0.0) if any(row.score.verdict is None for row in rows) else {}
    )
    return named | {row.name: rounded(row.score.earned) for row in rows if _is_problem(row)}


def _is_problem(row: Graded) -> bool:
    return row.score.verdict is not None
