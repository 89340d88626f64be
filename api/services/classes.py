"""Results of a class: overview and grades."""

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from typing import Any

from api.service import Service
from api.services.roster import RosterStudent, roster_of
from api.services.submissions import full_worth
from api.storage.records import Standing, StoredAssignment, SubmissionResult
from verifier.diagnosis.catalogue import find_bug
from verifier.judging.traps import ANOTHER_LOSS, another_loss_notice
from verifier.report.points import round_points
from verifier.report.verdict import Verdict
from verifier.report.wording import spreadsheet_cell

_GRADE_COLUMNS = ("student", "verdict", "earned", "worth", "attempt", "attempts", "received")
_ROSTER_COLUMNS = ("lms_id", "refusal")  # after the parameters
_Mistakes = tuple[tuple[tuple[str, int | None], ...], tuple[str, ...]]  # bugs, and wrong parameters


class Counts(StrEnum):
    """Which of a student's attempts counts."""

    LATEST = "latest"
    BEST = "best"  # the one with most points; the first of several


@dataclass(frozen=True, slots=True)
class BugFrequency:
    """Number of students with a bug in a layer."""

    bug: str
    layer: int | None
    students: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Students with the same bugs in the same layers and the same wrong parameters."""

    bugs: tuple[tuple[str, int | None], ...]
    parameters: tuple[str, ...]
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """Results of a class.

    students: whose submissions were judged. roster: all. submissions: number of all submissions.
    verdicts: number of students; None if they could not be judged.
    wrong: number of students by incorrect parameter. clusters: the largest first.
    """

    students: tuple[Standing, ...]
    submissions: int
    verdicts: Mapping[Verdict | None, int]
    wrong: Mapping[str, int]
    bugs: tuple[BugFrequency, ...]
    clusters: tuple[Cluster, ...]
    roster: tuple[RosterStudent, ...] = ()

    @property
    def refused(self) -> list[RosterStudent]:
        """The students of whom nothing could be judged."""
        return [student for student in self.roster if student.state == "refused"]

    @property
    def silent(self) -> list[RosterStudent]:
        """The students who sent nothing."""
        return [student for student in self.roster if student.state == "silent"]

    @property
    def notice(self) -> str | None:
        """A question to the grader if most students fail as if the assignment had another loss."""
        fitting = sum(ANOTHER_LOSS in {bug for bug, _ in student.result.bugs} for student in self.students)
        return another_loss_notice(fitting, len(self.students))


def class_overview(
    service: Service, stored: StoredAssignment, counts: Counts, summaries: bool = False
) -> Overview:
    """Return the overview of an assignment's class. summaries: with those of the reports."""
    students = standings_of(service, stored, counts, summaries)
    bugs = Counter(pair for student in students for pair in set(student.result.bugs))
    return Overview(
        students=students,
        submissions=sum(student.attempts for student in students),
        verdicts=Counter(student.result.verdict for student in students),
        wrong=Counter(name for student in students for name in _wrong_parameters(student.result)),
        bugs=tuple(
            BugFrequency(bug, layer, number)
            for (bug, layer), number in sorted(bugs.items(), key=lambda item: (-item[1], str(item[0])))
        ),
        clusters=tuple(_clusters(students)),
        roster=roster_of(service, stored, students),
    )


def overview_document(service: Service, stored: StoredAssignment, counts: Counts) -> dict[str, Any]:
    """Return the overview of a class as JSON."""
    overview = class_overview(service, stored, counts)
    of_graph = stored.problem.of_graph
    return {
        "assignment": stored.id,
        "roster": len(overview.roster),
        "refused": [
            {"student": row.name, "reason": row.refusal.reason}
            for row in overview.refused
            if row.refusal is not None
        ],
        "silent": [row.name for row in overview.silent],
        "students": len(overview.students),
        "submissions": overview.submissions,
        "verdicts": {str(verdict or "not judged"): number for verdict, number in overview.verdicts.items()},
        "wrong": dict(overview.wrong),
        "notice": overview.notice,
        "bugs": [
            {"bug": row.bug, "layer": row.layer, "title": _title(row.bug, of_graph), "students": row.students}
            for row in overview.bugs
        ],
        "clusters": [
            {
                "bugs": [{"bug": bug, "layer": layer} for bug, layer in cluster.bugs],
                "parameters": list(cluster.parameters),
                "students": list(cluster.students),
            }
            for cluster in overview.clusters
        ],
        "matrix": [
            {
                "student": row.submission.student,
                "submission": row.submission.id,
                "report": row.result.report,
                "attempts": row.attempts,
                "verdict": row.result.verdict,
                "earned": row.result.earned,
                "worth": row.result.worth,
                "parameters": dict(row.result.parameters),
            }
            for row in overview.students
        ],
    }


def grades_csv(service: Service, stored: StoredAssignment, counts: Counts) -> str:
    """Return the grades of a class as CSV, a row per student. Texts that would be formulas are quoted."""
    standings = standings_of(service, stored, counts)
    names = list(dict.fromkeys(name for student in standings for name in student.result.parameters))
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*_GRADE_COLUMNS, *map(spreadsheet_cell, names), *_ROSTER_COLUMNS])
    worth = full_worth(stored.assignment)
    for student in roster_of(service, stored, standings):
        standing = student.standing
        refusal = "" if student.refusal is None or standing is not None else student.refusal.reason
        writer.writerow(
            [
                spreadsheet_cell(student.name),
                *(_grade(standing) if standing is not None else _no_grade(student, worth)),
                *("" if standing is None else standing.result.parameters.get(name, "") for name in names),
                spreadsheet_cell(student.lms_id or ""),
                spreadsheet_cell(refusal),
            ]
        )
    return stream.getvalue()


def _grade(standing: Standing) -> list[Any]:
    """Return the columns from `verdict` to `received`."""
    result, submission = standing.result, standing.submission
    points = round_points(result.earned), round_points(result.worth)
    verdict = result.verdict or "not judged"
    return [verdict, *points, submission.attempt, standing.attempts, submission.received.isoformat()]


def _no_grade(student: RosterStudent, worth: float) -> list[Any]:
    verdict = "refused" if student.state == "refused" else "not submitted"
    return [verdict, 0.0, worth, "", 0, ""]


def standings_of(
    service: Service, stored: StoredAssignment, counts: Counts, summaries: bool = False
) -> tuple[Standing, ...]:
    """Return the submission of each student that counts, by name."""
    best = counts is Counts.BEST
    return tuple(service.repository.submissions.standings(stored.id, best, summaries))


def _clusters(students: Sequence[Standing]) -> list[Cluster]:
    names: dict[_Mistakes, list[str]] = defaultdict(list)
    for student in students:
        wrong = _wrong_parameters(student.result)
        if wrong:
            names[tuple(sorted(student.result.bugs, key=str)), wrong].append(student.submission.student)
    clusters = [Cluster(bugs, wrong, tuple(members)) for (bugs, wrong), members in names.items()]
    return sorted(clusters, key=lambda cluster: (-len(cluster.students), cluster.students))


def _wrong_parameters(result: SubmissionResult) -> tuple[str, ...]:
    return tuple(name for name, verdict in result.parameters.items() if verdict is not Verdict.CORRECT)


def _title(bug: str, of_graph: bool) -> str:
    row = find_bug(bug)
    if row is None:
        return bug
    return row.in_graph().title if of_graph else row.words.title
