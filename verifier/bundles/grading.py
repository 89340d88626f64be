"""Judging one student's file on a platform, by the settings that were written with its bundle."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from verifier.audience import for_student
from verifier.bundles.result import Result
from verifier.documents.assignment_reading import read_assignment
from verifier.documents.bounds import GENEROUS
from verifier.documents.files import parse_bytes
from verifier.exporters import ExportChoices
from verifier.exporters.classroom50 import VARIABLES
from verifier.judging import Manner, judge


def grade(question: Path, results: Path, name: str, content: bytes) -> None:
    """Write every result that the settings name, in which is what students may see, and the exit status.

    With GRADJURY_DEBUG set, which the process above does, what is unforeseen raises.
    """
    settings = json.loads((question / "settings.json").read_text(encoding="utf-8"))
    assignment = read_assignment(parse_bytes((question / "assignment.json").read_bytes()))
    bounds = replace(GENEROUS, inflated=settings["largest"])
    own = judge(name, Manner(problem=assignment.problem, bounds=bounds), content)
    if own.report is not None:
        own = replace(own, report=for_student(own.report, assignment.allowed))
    environment = {variable: os.environ[variable] for variable in VARIABLES if variable in os.environ}
    choices = ExportChoices(assignment.points, "gitlab", environment, datetime.now(UTC))
    for row in settings["outputs"]:
        result = Result(**row)
        (results / result.file).write_text(result.rendered(own, choices), encoding="utf-8")
    (results / "status").write_text(str(int(own.status)), encoding="utf-8")
