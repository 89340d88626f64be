"""What a grader sees of a class: students by parameters, groups, grades; and judging again."""

from collections.abc import Iterator, Sequence

from anyio.to_thread import run_sync
from fastapi import Request, Response

from api.dependencies import TheService
from api.pages.classes import Digest, class_table, digest
from api.pages.page_route import pages_router
from api.pages.returned import FRESH, Returned
from api.pages.templating import page
from api.pages.visitors import SENT_FROM_HERE, Member
from api.regrading import regrade
from api.routes.assignments import graded
from api.routes.classes import grades_file
from api.service import Service
from api.services.classes import Counts, Standing, overview
from api.storage.records import StoredAssignment

router = pages_router()

_AT_ONCE = 100  # reports read at a time


@router.get("/assignments/{assignment_id}/grades.csv", operation_id="grades_page")
def grades(
    assignment_id: str, service: TheService, member: Member, counts: Counts = Counts.LATEST
) -> Response:
    return grades_file(service, graded(service, member, assignment_id), counts)


@router.post(
    "/assignments/{assignment_id}/regrades", operation_id="regrade_page", dependencies=[SENT_FROM_HERE]
)
async def judge_again(assignment_id: str, request: Request, service: TheService, member: Member) -> Response:
    stored = await run_sync(graded, service, member, assignment_id)
    return page(request, "regraded.html.jinja", stored=stored, found=await regrade(service, stored))


def overview_page(
    request: Request,
    service: Service,
    stored: StoredAssignment,
    counts: Counts,
    sort: str,
    down: bool,
    form: Returned = FRESH,
) -> Response:
    """Show a class to a grader."""
    found = overview(service.repository.submissions.list(stored.id), counts)
    old = [row for row in found.standings if row.result.revision != stored.revision]
    return page(
        request,
        "class.html.jinja",
        form.status,
        stored=stored,
        found=found,
        table=class_table(found.standings, dict(_digests(service, found.standings)), sort, down),
        counts=counts,
        sort=sort,
        down=down,
        old=len(old),
        form=form,
    )


def _digests(service: Service, standings: Sequence[Standing]) -> Iterator[tuple[str, Digest]]:
    ids = [row.result.report for row in standings if row.result.report is not None]
    for start in range(0, len(ids), _AT_ONCE):
        for report, document in service.repository.reports.documents(ids[start : start + _AT_ONCE]).items():
            yield report, digest(document)
