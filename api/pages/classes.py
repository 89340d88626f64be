"""Pages of a class: the table of students by parameters, groups with the same mistake, grades, regrading."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from anyio.to_thread import run_sync
from fastapi import BackgroundTasks, Request, Response
from fastapi.responses import RedirectResponse

from api.dependencies import TheService
from api.http.negotiation import attachment
from api.pages.forms import EMPTY, FormErrors
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import SAME_ORIGIN, Member
from api.service import Service
from api.services.assignments import get_graded_assignment, notice_of_open_checks
from api.services.batches import enqueue_batch, is_over
from api.services.classes import Counts, class_overview, grades_csv
from api.services.regrades import begin_regrade, get_regrade, regrade_document
from api.storage.records import BatchKind, Standing, StoredAssignment, Token, state_at
from verifier.report.verdict import Verdict

router = pages_router()

_BANDS = ((1e-7, "slight"), (1e-4, "small"), (1e-2, "middle"), (math.inf, "large"))  # of relative errors
_WORDS: Mapping[str, str] = {
    Verdict.CORRECT: "right",
    Verdict.INCORRECT: "wrong",
    Verdict.UNDECIDED: "undecided",
    Verdict.MISSING: "missing",
}


@dataclass(frozen=True, slots=True)
class DiagnosisRow:
    """A row of a report's diagnosis. Equal findings are the same mistake."""

    bug: str
    title: str
    layer: int | None
    factor: str

    @property
    def words(self) -> str:
        place = "" if self.layer is None else f", layer {self.layer}"
        return f"{self.title}{place}" + (f" (factor {self.factor})" if self.factor else "")


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """The parts of a report that the table shows.

    errors: largest relative error by parameter. by_parameter: findings by parameter. findings: all of them.
    """

    errors: Mapping[str, float | None]
    by_parameter: Mapping[str, tuple[DiagnosisRow, ...]]
    findings: tuple[DiagnosisRow, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """band: the style class, by the size of the error or by the verdict."""

    text: str
    band: str


@dataclass(frozen=True, slots=True)
class Row:
    student: Standing
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A parameter.

    wrong: number of students whose gradient is not correct.
    commonest: their commonest mistake, empty if none is known; `many` of them made it.
    """

    name: str
    wrong: int
    students: int
    commonest: str
    many: int


@dataclass(frozen=True, slots=True)
class Group:
    """Students with the same findings and the same wrong parameters."""

    findings: tuple[DiagnosisRow, ...]
    parameters: tuple[str, ...]
    members: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class ClassTable:
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]


@router.get("/assignments/{assignment_id}/grades.csv", operation_id="grades_page")
def grades(
    assignment_id: str, service: TheService, member: Member, counts: Counts = Counts.LATEST
) -> Response:
    stored = get_graded_assignment(service, member, assignment_id)
    return attachment(grades_csv(service, stored, counts), f"grades-{stored.id}.csv", "text/csv")


@router.post("/assignments/{assignment_id}/regrades", operation_id="regrade_page", dependencies=[SAME_ORIGIN])
async def regrade_class(
    assignment_id: str, service: TheService, member: Member, after: BackgroundTasks
) -> Response:
    return await _begin(assignment_id, service, member, after, BatchKind.REGRADE)


@router.post(
    "/assignments/{assignment_id}/regrade-previews",
    operation_id="regrade_preview_page",
    dependencies=[SAME_ORIGIN],
)
async def preview_regrade(
    assignment_id: str, service: TheService, member: Member, after: BackgroundTasks
) -> Response:
    return await _begin(assignment_id, service, member, after, BatchKind.REGRADE_PREVIEW)


async def _begin(
    assignment_id: str, service: Service, member: Token, after: BackgroundTasks, kind: BatchKind
) -> Response:
    stored = await run_sync(get_graded_assignment, service, member, assignment_id)
    job = await begin_regrade(service, member, stored, kind=kind)
    after.add_task(enqueue_batch, service, job.id)
    address = f"/assignments/{stored.id}/regrades/{job.id}"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, background=after)


@router.get("/assignments/{assignment_id}/regrades/{job_id}", operation_id="regrade_job_page")
def regrade_job(
    assignment_id: str, job_id: str, request: Request, service: TheService, member: Member
) -> Response:
    stored = get_graded_assignment(service, member, assignment_id)
    kinds = (BatchKind.REGRADE, BatchKind.REGRADE_PREVIEW)
    job = get_regrade(service, stored, job_id, kinds)
    document = regrade_document(service, stored, job)
    return page(
        request,
        "regraded.html.jinja",
        stored=stored,
        job=document,
        over=is_over(document),
        preview=job.kind is BatchKind.REGRADE_PREVIEW,
        summary=_change_counts(document["changes"]),
    )


def _change_counts(changes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many results change in a way that people ask for."""
    pairs = [(row["before"], row["after"]) for row in changes]
    return {
        "another verdict": sum(old["verdict"] != new["verdict"] for old, new in pairs),
        "more points": sum(new["earned"] > old["earned"] for old, new in pairs),
        "fewer points": sum(new["earned"] < old["earned"] for old, new in pairs),
    }


def class_page(
    request: Request,
    service: Service,
    stored: StoredAssignment,
    counts: Counts,
    sort: str,
    down: bool,
    form: FormErrors = EMPTY,
) -> Response:
    """Return the page of a class.

    sort: `student`, `verdict`, `points` or the name of a parameter. down: sort in descending order.
    """
    overview = class_overview(service, stored, counts, summaries=True)
    outdated = [row for row in overview.students if row.result.revision != stored.revision]
    return page(
        request,
        "class.html.jinja",
        form.status,
        stored=stored,
        overview=overview,
        table=_class_table(overview.students, sort, down),
        counts=counts,
        sort=sort,
        down=down,
        outdated=len(outdated),
        state=state_at(stored.assignment, service.now()),
        notice=notice_of_open_checks(service),
        form=form,
    )


def _summarize(summary: Mapping[str, Any]) -> ReportSummary:
    by_parameter: dict[str, list[DiagnosisRow]] = defaultdict(list)
    findings = []
    for bug, title, layer, factor, parameters in summary.get("findings", ()):
        finding = _finding(bug, title, layer, factor)
        findings.append(finding)
        for name in parameters:
            by_parameter[name].append(finding)
    errors = {name: _to_float(error) for name, error in summary.get("errors", {}).items()}
    return ReportSummary(errors, {name: tuple(rows) for name, rows in by_parameter.items()}, tuple(findings))


def _class_table(students: Sequence[Standing], sort: str, down: bool) -> ClassTable:
    """Return the table of a class."""
    names = tuple(dict.fromkeys(name for student in students for name in student.result.parameters))
    reports = {student.submission.id: _summarize(student.result.summary) for student in students}
    rows = [
        Row(student, tuple(_cell(student, reports[student.submission.id], name) for name in names))
        for student in students
    ]
    rows.sort(key=lambda row: _sort_key(row.student, reports[row.student.submission.id], sort), reverse=down)
    columns = tuple(_column(name, students, reports) for name in names)
    return ClassTable(columns, tuple(rows), _groups(students, reports))


def _sort_key(student: Standing, report: ReportSummary, sort: str) -> tuple[Any, ...]:
    name, result = student.submission.student, student.result
    if sort == "student":
        return (name,)
    if sort == "verdict":
        return str(result.verdict or ""), name
    if sort == "points":
        return result.earned, name
    error = report.errors.get(sort)
    size = 0.0 if error is None else (math.inf if math.isnan(error) else error)
    return result.parameters.get(sort, Verdict.CORRECT) is not Verdict.CORRECT, size, name


def _cell(student: Standing, report: ReportSummary, name: str) -> Cell:
    verdict = student.result.parameters.get(name)
    if verdict is None:
        return Cell("not judged", "none")
    if verdict is not Verdict.INCORRECT:
        return Cell(_WORDS[verdict], str(verdict))
    error = report.errors.get(name)
    if error is None or math.isnan(error):
        return Cell("wrong", "large")
    band = next(band for most, band in _BANDS if error <= most)
    return Cell(f"wrong by {_in_words(error)}", band)


def _in_words(error: float) -> str:
    """Return a relative error as people write it: 3e-9, 0.02 %, 40 %, 100 times."""
    if error < 1e-6:
        return f"{error:.0e}".replace("e-0", "e-")
    if error < 10:
        return f"{float(f'{100 * error:.1g}'):g} %"
    return f"{float(f'{error:.1g}'):g} times"


def _column(name: str, students: Sequence[Standing], reports: Mapping[str, ReportSummary]) -> Column:
    wrong = [
        student
        for student in students
        if student.result.parameters.get(name, Verdict.CORRECT) is not Verdict.CORRECT
    ]
    words = Counter(
        finding.words
        for student in wrong
        for finding in set(reports[student.submission.id].by_parameter.get(name, ()))
    )
    commonest, many = min(words.items(), key=lambda item: (-item[1], item[0])) if words else ("", 0)
    return Column(name, len(wrong), len(students), commonest, many)


def _groups(students: Sequence[Standing], reports: Mapping[str, ReportSummary]) -> tuple[Group, ...]:
    members: dict[tuple[tuple[DiagnosisRow, ...], tuple[str, ...]], list[Standing]] = defaultdict(list)
    for student in students:
        parameters = student.result.parameters
        wrong = tuple(name for name, verdict in parameters.items() if verdict is not Verdict.CORRECT)
        if wrong:
            members[reports[student.submission.id].findings, wrong].append(student)
    groups = [Group(findings, wrong, tuple(rows)) for (findings, wrong), rows in members.items()]
    return tuple(sorted(groups, key=lambda group: (-len(group.members), group.members[0].submission.student)))


def _finding(bug: str, title: str, layer: int | None, factor: Any) -> DiagnosisRow:
    number = _to_float(factor)
    return DiagnosisRow(bug, title, layer, "" if number is None else f"{number:.3g}")


def _to_float(value: Any) -> float | None:
    return None if value is None else float(value)  # reports write "NaN" and "Infinity" as strings
