"""Export the last two lines of output for Autolab: feedback, and scores by problem, one per parameter.

Autolab streams output to students, so it contains the student's view only.
"""

from collections.abc import Sequence
from typing import Any

from verifier.documents.json import to_json
from verifier.exporters.common import ScoredRow, scored_rows
from verifier.exporters.exporter import ExportOptions
from verifier.report.outcome import FileOutcome
from verifier.report.points import earned, round_points

_STAGE = "Gradients"


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return a line of feedback and a line of scores, which Autolab reads as the result."""
    rows = scored_rows(reports, choices)
    names = _scores(rows, choices)
    feedback = {"_presentation": "semantic", "stages": [_STAGE], _STAGE: _stage(rows)}
    scoreboard = [earned(row.score for row in rows)]
    return f"{to_json(feedback)}\n{to_json({'scores': names, 'scoreboard': scoreboard})}"


def _stage(rows: Sequence[ScoredRow]) -> dict[str, Any]:
    return {
        row.name: {"passed": True} if row.score.passed else {"passed": False, "hint": row.text}
        for row in rows
    }


def _scores(rows: Sequence[ScoredRow], choices: ExportOptions) -> dict[str, float]:
    """Return points by problem. A submission without report earns 0 in every problem with points."""
    zeros = (
        dict.fromkeys(choices.points.by_name, 0.0) if any(row.score.verdict is None for row in rows) else {}
    )
    return zeros | {row.name: round_points(row.score.earned) for row in rows if _is_problem(row)}


def _is_problem(row: ScoredRow) -> bool:
    return row.score.verdict is not None
