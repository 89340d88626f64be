"""Export the last two lines of output for Autolab: feedback, and scores by problem, one per parameter.

Autolab streams output to students, so it contains the student's view only.
"""

from collections.abc import Sequence
from typing import Any

from verifier.documents.json import write
from verifier.exporters.common import Graded, graded
from verifier.exporters.exporter import ExportChoices
from verifier.report.outcome import Sourced
from verifier.report.points import earned, rounded

_STAGE = "Gradients"


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Return a line of feedback and a line of scores, which Autolab reads as the result."""
    rows = graded(reports, choices)
    names = _scores(rows, choices)
    feedback = {"_presentation": "semantic", "stages": [_STAGE], _STAGE: _stage(rows)}
    return f"{write(feedback)}\n{write({'scores': names, 'scoreboard': [earned(row.score for row in rows)]})}"


def _stage(rows: Sequence[Graded]) -> dict[str, Any]:
    return {
        row.name: {"passed": True} if row.score.passed else {"passed": False, "hint": row.text}
        for row in rows
    }


def _scores(rows: Sequence[Graded], choices: ExportChoices) -> dict[str, float]:
    """Return points by problem. A submission without report earns 0 in every problem with points."""
    zeros = (
        dict.fromkeys(choices.points.by_name, 0.0) if any(row.score.verdict is None for row in rows) else {}
    )
    return zeros | {row.name: rounded(row.score.earned) for row in rows if _is_problem(row)}


def _is_problem(row: Graded) -> bool:
    return row.score.verdict is not None
