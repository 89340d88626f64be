"""Pages of a class: the table of students by parameters, groups with the same mistake, grades, regrading."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request, Response

from api.dependencies import TheService
from api.http.negotiation import attachment
from api.pages.forms import EMPTY, FormErrors
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import SAME_ORIGIN, Member
from api.service import Service
from api.services.assignments import get_graded_assignment
from api.services.classes import Counts, StudentResult, class_overview, grades_csv, regrade
from api.storage.records import StoredAssignment
from verifier.documents.json import parse
from verifier.report.verdict import Verdict

router = pages_router()

_REPORTS_PER_QUERY = 100
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


_NO_REPORT = ReportSummary({}, {}, ())


@dataclass(frozen=True, slots=True)
class Cell:
    """band: the style class, by the size of the error or by the verdict."""

    text: str
    band: str


@dataclass(frozen=True, slots=True)
class Row:
    student: StudentResult
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
    members: tuple[StudentResult, ...]


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
    assignment_id: str, request: Request, service: TheService, member: Member
) -> Response:
    stored = await run_sync(get_graded_assignment, service, member, assignment_id)
    outcome = await regrade(service, stored)
    return page(request, "regraded.html.jinja", stored=stored, outcome=outcome)


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
    overview = class_overview(service, stored, counts)
    outdated = [row for row in overview.students if row.result.revision != stored.revision]
    summaries = dict(_summaries(service, overview.students))
    return page(
        request,
        "class.html.jinja",
        form.status,
        stored=stored,
        overview=overview,
        table=_class_table(overview.students, summaries, sort, down),
        counts=counts,
        sort=sort,
        down=down,
        outdated=len(outdated),
        form=form,
    )


def _summaries(service: Service, students: Sequence[StudentResult]) -> Iterator[tuple[str, ReportSummary]]:
    ids = [student.result.report for student in students if student.result.report is not None]
    for start in range(0, len(ids), _REPORTS_PER_QUERY):
        documents = service.repository.reports.documents(ids[start : start + _REPORTS_PER_QUERY])
        for report, document in documents.items():
            yield report, _summarize(document)


def _summarize(document: bytes) -> ReportSummary:
    report = parse(document)
    by_parameter: dict[str, list[DiagnosisRow]] = defaultdict(list)
    findings = []
    for row in report["diagnosis"]:
        finding = _finding(row)
        findings.append(finding)
        for name in row["parameters"]:
            by_parameter[name].append(finding)
    errors = {row["name"]: _to_float(row.get("max_rel_error")) for row in report["parameters"]}
    return ReportSummary(errors, {name: tuple(rows) for name, rows in by_parameter.items()}, tuple(findings))


def _class_table(
    students: Sequence[StudentResult], summaries: Mapping[str, ReportSummary], sort: str, down: bool
) -> ClassTable:
    """Return the table of a class. summaries: by id of the report."""
    names = tuple(dict.fromkeys(name for student in students for name in student.result.parameters))
    reports = {
        student.submission.id: summaries.get(student.result.report or "", _NO_REPORT) for student in students
    }
    rows = [
        Row(student, tuple(_cell(student, reports[student.submission.id], name) for name in names))
        for student in students
    ]
    rows.sort(key=lambda row: _sort_key(row.student, reports[row.student.submission.id], sort), reverse=down)
    columns = tuple(_column(name, students, reports) for name in names)
    return ClassTable(columns, tuple(rows), _groups(students, reports))


def _sort_key(student: StudentResult, report: ReportSummary, sort: str) -> tuple[Any, ...]:
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


def _cell(student: StudentResult, report: ReportSummary, name: str) -> Cell:
    verdict = student.result.parameters.get(name)
    if verdict is None:
        return Cell("not judged", "none")
    if verdict is not Verdict.INCORRECT:
        return Cell(_WORDS[verdict], str(verdict))
    error = report.errors.get(name)
    if error is None or math.isnan(error):
        return Cell("wrong", "large")
    band = next(band for most, band in _BANDS if error <= most)
    return Cell(f"wrong {error:.0e}", band)


def _column(name: str, students: Sequence[StudentResult], reports: Mapping[str, ReportSummary]) -> Column:
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


def _groups(students: Sequence[StudentResult], reports: Mapping[str, ReportSummary]) -> tuple[Group, ...]:
    members: dict[tuple[tuple[DiagnosisRow, ...], tuple[str, ...]], list[StudentResult]] = defaultdict(list)
    for student in students:
        parameters = student.result.parameters
        wrong = tuple(name for name, verdict in parameters.items() if verdict is not Verdict.CORRECT)
        if wrong:
            members[reports[student.submission.id].findings, wrong].append(student)
    groups = [Group(findings, wrong, tuple(rows)) for (findings, wrong), rows in members.items()]
    return tuple(sorted(groups, key=lambda group: (-len(group.members), group.members[0].submission.student)))


def _finding(row: Mapping[str, Any]) -> DiagnosisRow:
    factor = _to_float(row.get("factor"))
    return DiagnosisRow(
        row["bug"], row["title"] or row["bug"], row["layer"], "" if factor is None else f"{factor:.3g}"
    )


def _to_float(value: Any) -> float | None:
    return None if value is None else float(value)  # reports write "NaN" and "Infinity" as strings
