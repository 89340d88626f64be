"""Judge a student's file on a platform with the settings of the bundle."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from verifier.cli.bundles.result import ResultFile
from verifier.cli.files import CheckOptions, check_file
from verifier.documents.assignment import read_assignment
from verifier.documents.files import parse_bytes
from verifier.documents.json import DEFAULT_BOUNDS
from verifier.exporters import ExportOptions
from verifier.exporters.classroom50 import VARIABLES
from verifier.exporters.student_view import to_student_view


def grade(question: Path, results: Path, name: str, content: bytes) -> None:
    """Write the result files, restricted to what students may see, and the exit status.

    Unexpected errors are raised, because the parent process sets GRADJURY_DEBUG.
    """
    settings = json.loads((question / "settings.json").read_text(encoding="utf-8"))
    assignment = read_assignment(parse_bytes((question / "assignment.json").read_bytes()))
    bounds = replace(DEFAULT_BOUNDS, inflated=settings["largest"])
    outcome = check_file(name, CheckOptions(problem=assignment.problem, bounds=bounds), content)
    if outcome.report is not None:
        outcome = replace(outcome, report=to_student_view(outcome.report, assignment.visibility))
    environment = {variable: os.environ[variable] for variable in VARIABLES if variable in os.environ}
    choices = ExportOptions(assignment.points, "gitlab", environment, datetime.now(UTC))
    for row in settings["outputs"]:
        result = ResultFile(**row)
        (results / result.file).write_text(result.rendered(outcome, choices), encoding="utf-8")
    (results / "status").write_text(str(int(outcome.status)), encoding="utf-8")
