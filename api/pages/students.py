"""Pages of the students of an assignment: the roster, their tokens, and the data of one."""

import csv
from http import HTTPStatus
from io import StringIO
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from api.dependencies import TheService
from api.http.negotiation import attachment
from api.http.problems import ProblemError
from api.pages.forms import EMPTY, FormErrors, form_errors, read_form
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import SAME_ORIGIN, Member
from api.service import Service
from api.services import roster
from api.services.assignments import get_graded_assignment
from api.services.classes import Counts, standings_of
from api.services.student_tokens import issue_student_tokens
from api.services.submissions import STUDENT_NAME
from api.services.tokens import LONGEST_SUBJECT
from api.storage.records import StoredAssignment
from verifier.problem.errors import MalformedSubmission
from verifier.report.wording import spreadsheet_cell

router = pages_router()

_CSV, _ZIP = "text/csv", "application/zip"
Student = Annotated[str, Query(min_length=1, max_length=LONGEST_SUBJECT, pattern=STUDENT_NAME)]


@router.get("/assignments/{assignment_id}/students", operation_id="students_page")
def students(assignment_id: str, request: Request, service: TheService, member: Member) -> Response:
    return _page(request, service, get_graded_assignment(service, member, assignment_id))


@router.post(
    "/assignments/{assignment_id}/students", operation_id="name_students_page", dependencies=[SAME_ORIGIN]
)
async def name_students(
    assignment_id: str, request: Request, service: TheService, member: Member
) -> Response:
    stored = await run_sync(get_graded_assignment, service, member, assignment_id)
    form = await read_form(request, roster.LARGEST_ROSTER)
    try:
        text = form.document().content.decode("utf-8-sig")
        await run_sync(roster.set_roster, service, member, stored, roster.roster_from_text(text))
    except UnicodeDecodeError:
        detail = "expected text in UTF-8, got other bytes; save the list as CSV in UTF-8"
        errors = form_errors(form, ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail))
        return await run_sync(_page, request, service, stored, errors)
    except (MalformedSubmission, ProblemError) as error:
        return await run_sync(_page, request, service, stored, form_errors(form, error))
    return RedirectResponse(f"/assignments/{stored.id}/students", HTTPStatus.SEE_OTHER)


@router.post(
    "/assignments/{assignment_id}/tokens", operation_id="issue_tokens_page", dependencies=[SAME_ORIGIN]
)
def issue_tokens(assignment_id: str, service: TheService, member: Member) -> Response:
    """Return new tokens as a file. They are shown this once."""
    stored = get_graded_assignment(service, member, assignment_id)
    stream = StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(("name", "token"))
    for issued in issue_student_tokens(service, member, stored, b"{}"):
        rows.writerow((spreadsheet_cell(issued["subject"]), issued["token"]))
    return attachment(stream.getvalue(), f"tokens-{stored.id}.csv", _CSV)


@router.get("/assignments/{assignment_id}/student-data", operation_id="student_data_page")
def student_data(assignment_id: str, service: TheService, member: Member, student: Student) -> Response:
    """Return all that is stored of a student, as a zip."""
    stored = get_graded_assignment(service, member, assignment_id)
    pieces = roster.export_student(service, member, stored, student)
    headers = {"Content-Disposition": f'attachment; filename="student-{stored.id}.zip"'}
    return StreamingResponse(pieces, HTTPStatus.OK, headers, _ZIP)


def _page(request: Request, service: Service, stored: StoredAssignment, form: FormErrors = EMPTY) -> Response:
    rows = roster.roster_of(service, stored, standings_of(service, stored, Counts.LATEST))
    return page(
        request,
        "students.html.jinja",
        form.status,
        stored=stored,
        rows=rows,
        without_token=sum(row.token != "valid" for row in rows),
        names="\n".join(row.name + (f",{row.lms_id}" if row.lms_id else "") for row in rows),
        form=form,
    )
