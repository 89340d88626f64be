"""Results of a class: overview, grades, and regrading after an assignment has changed."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from typing import Any

import anyio
from anyio.to_thread import run_sync

from api.service import Service
from api.services.submissions import regrade_submission
from api.storage.records import StoredAssignment, StoredSubmission, SubmissionResult
from verifier.diagnosis.catalogue import BUGS
from verifier.report.points import round_points
from verifier.report.verdict import Verdict
from verifier.report.wording import spreadsheet_cell

_GRADE_COLUMNS = ("student", "verdict", "earned", "worth", "attempt", "attempts", "received")
_Mistakes = tuple[tuple[tuple[str, int | None], ...], tuple[str, ...]]  # bugs, and wrong parameters


class Counts(StrEnum):
    """Which of a student's attempts counts."""

    LATEST = "latest"
    BEST = "best"  # the one with most points; the first of several


@dataclass(frozen=True, slots=True)
class StudentResult:
    """The submission of a student that counts. attempts: the number of the student's submissions."""

    submission: StoredSubmission
    result: SubmissionResult
    attempts: int


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

    submissions: number of all submissions. verdicts: number of students; None if they could not be judged.
    wrong: number of students by incorrect parameter. clusters: the largest first.
    """

    students: tuple[StudentResult, ...]
    submissions: int
    verdicts: Mapping[Verdict | None, int]
    wrong: Mapping[str, int]
    bugs: tuple[BugFrequency, ...]
    clusters: tuple[Cluster, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A submission whose verdict or points have changed."""

    submission: StoredSubmission
    before: SubmissionResult
    after: SubmissionResult


@dataclass(frozen=True, slots=True)
class Regrade:
    """judged: number of submissions that were judged again."""

    judged: int
    changes: tuple[Change, ...]


def class_overview(service: Service, stored: StoredAssignment, counts: Counts) -> Overview:
    """Return the overview of an assignment's class."""
    submissions = service.repository.submissions.list(stored.id)
    students = _student_results(submissions, counts)
    bugs = Counter(pair for student in students for pair in set(student.result.bugs))
    return Overview(
        students=students,
        submissions=len(submissions),
        verdicts=Counter(student.result.verdict for student in students),
        wrong=Counter(name for student in students for name in _wrong_parameters(student.result)),
        bugs=tuple(
            BugFrequency(bug, layer, number)
            for (bug, layer), number in sorted(bugs.items(), key=lambda item: (-item[1], str(item[0])))
        ),
        clusters=tuple(_clusters(students)),
    )


def overview_document(service: Service, stored: StoredAssignment, counts: Counts) -> dict[str, Any]:
    """Return the overview of a class as JSON."""
    overview = class_overview(service, stored, counts)
    return {
        "assignment": stored.id,
        "students": len(overview.students),
        "submissions": overview.submissions,
        "verdicts": {str(verdict or "not judged"): number for verdict, number in overview.verdicts.items()},
        "wrong": dict(overview.wrong),
        "bugs": [
            {"bug": row.bug, "title": _title(row.bug), "layer": row.layer, "students": row.students}
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
    """Return the grades of a class as CSV, a row per student. Names that would be formulas are quoted."""
    students = _student_results(service.repository.submissions.list(stored.id), counts)
    names = list(dict.fromkeys(name for student in students for name in student.result.parameters))
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*_GRADE_COLUMNS, *names])
    for student in students:
        result = student.result
        writer.writerow(
            [
                spreadsheet_cell(student.submission.student),
                result.verdict or "not judged",
                round_points(result.earned),
                round_points(result.worth),
                student.submission.attempt,
                student.attempts,
                student.submission.received.isoformat(),
                *(result.parameters.get(name, "") for name in names),
            ]
        )
    return stream.getvalue()


async def regrade(service: Service, stored: StoredAssignment) -> Regrade:
    """Judge the submissions again that were judged under another revision of the assignment.

    If it is interrupted, the next call continues with the remaining ones.
    """
    submissions = await run_sync(service.repository.submissions.list, stored.id)
    outdated = [
        (s, s.result) for s in submissions if s.result is not None and s.result.revision != stored.revision
    ]
    changes: list[Change] = []
    slots = anyio.Semaphore(service.settings.processes)

    async def regrade_one(submission: StoredSubmission, before: SubmissionResult) -> None:
        async with slots:
            with_content = await run_sync(service.repository.submissions.find, submission.id)
            if with_content is None:
                return
            after = await regrade_submission(service, stored, with_content)
        if (after.verdict, after.earned, after.worth) != (before.verdict, before.earned, before.worth):
            changes.append(Change(submission, before, after))

    async with anyio.create_task_group() as group:
        for submission, before in outdated:
            group.start_soon(regrade_one, submission, before)
    position = {submission.id: index for index, submission in enumerate(submissions)}
    changes.sort(key=lambda change: position[change.submission.id])
    return Regrade(len(outdated), tuple(changes))


def regrade_document(stored: StoredAssignment, outcome: Regrade) -> dict[str, Any]:
    """Return the outcome of a regrade as JSON."""
    return {
        "revision": stored.revision,
        "judged": outcome.judged,
        "changes": [
            {
                "submission": change.submission.id,
                "student": change.submission.student,
                "attempt": change.submission.attempt,
                "before": {"verdict": change.before.verdict, "earned": change.before.earned},
                "after": {"verdict": change.after.verdict, "earned": change.after.earned},
            }
            for change in outcome.changes
        ],
    }


def _student_results(submissions: Iterable[StoredSubmission], counts: Counts) -> tuple[StudentResult, ...]:
    """Return the submission of each student that counts, by name. submissions: oldest first."""
    by_student: dict[str, list[tuple[StoredSubmission, SubmissionResult]]] = defaultdict(list)
    for submission in submissions:
        if submission.result is not None:
            by_student[submission.student].append((submission, submission.result))
    students = []
    for _, attempts in sorted(by_student.items()):
        best = max(attempts, key=lambda pair: (pair[1].earned, -pair[0].attempt))
        submission, result = best if counts is Counts.BEST else attempts[-1]
        students.append(StudentResult(submission, result, len(attempts)))
    return tuple(students)


def _clusters(students: Sequence[StudentResult]) -> list[Cluster]:
    names: dict[_Mistakes, list[str]] = defaultdict(list)
    for student in students:
        wrong = _wrong_parameters(student.result)
        if wrong:
            names[tuple(sorted(student.result.bugs, key=str)), wrong].append(student.submission.student)
    clusters = [Cluster(bugs, wrong, tuple(members)) for (bugs, wrong), members in names.items()]
    return sorted(clusters, key=lambda cluster: (-len(cluster.students), cluster.students))


def _wrong_parameters(result: SubmissionResult) -> tuple[str, ...]:
    return tuple(name for name, verdict in result.parameters.items() if verdict is not Verdict.CORRECT)


def _title(bug: str) -> str:
    return BUGS[bug].words.title if bug in BUGS else bug
