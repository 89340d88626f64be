"""The first page: a submission in, its report below; nothing is stored."""

from dataclasses import dataclass, replace
from http import HTTPStatus

from fastapi import Request, Response

from api.dependencies import TheService
from api.http.problems import ProblemError, RefusedError
from api.pages.forms import Kept, keep, read_form
from api.pages.page_route import pages_router
from api.pages.returned import FRESH, Returned, returned
from api.pages.templating import page
from api.pages.visitors import SENT_FROM_HERE, PageChecker, Visitor
from api.service import Service
from api.services.checks import judge
from api.storage.records import Role, Token
from api.workers.protocol import RenderRequest, Task
from verifier.documents.json_text import write
from verifier.documents.mistakes import Mistake
from verifier.examples import EXAMPLES
from verifier.graphs.planted import PLANTED_MISTAKES
from verifier.offered import offered, offered_document

router = pages_router()

_PART = "x-part"  # what the page's script asks for: what came of it alone
_HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Outcome:
    """section: the report. source: its file. mistakes: of what is malformed. trouble: what else is wrong."""

    section: str = ""
    source: str = ""
    mistakes: tuple[Mistake, ...] = ()
    trouble: str = ""


@router.get("/", operation_id="home_page")
async def home(request: Request, service: TheService, visitor: Visitor) -> Response:
    return _page(request, service, visitor, Outcome(), FRESH)


@router.get("/examples/{name:path}", operation_id="example_page")
async def example(name: str, request: Request, service: TheService, visitor: PageChecker) -> Response:
    if name not in offered():
        detail = f"there is no example of that name; there are {', '.join(offered())}"
        raise ProblemError(HTTPStatus.NOT_FOUND, detail)
    text = write(offered_document(name), indent=1)
    found = await judge(service, _task(service, text.encode()))
    outcome = Outcome(found.answer.decode())
    return _page(request, service, visitor, outcome, Returned(kept=Kept(text)), name)


@router.post("/", operation_id="check_page", dependencies=[SENT_FROM_HERE])
async def check(request: Request, service: TheService, visitor: PageChecker) -> Response:
    sent = await read_form(request, service.settings.largest_body)
    try:
        document = sent.document()
        if sent.field("download"):
            return await _download(service, document.content)
        found = await judge(service, _task(service, document.content))
        outcome, form = Outcome(found.answer.decode(), document.name), Returned(kept=keep(sent))
    except (RefusedError, ProblemError) as error:
        form = returned(sent, error)
        outcome = Outcome(mistakes=form.mistakes, trouble=form.trouble)
    if _PART in request.headers:
        return page(request, "outcome.html.jinja", form.status, outcome=outcome)
    return _page(request, service, visitor, outcome, form)


async def _download(service: Service, content: bytes) -> Response:
    """Give the report as a file that needs nothing else."""
    outcome = await judge(
        service, replace(_task(service, content), render=RenderRequest(_HTML, entries="all"))
    )
    headers = {"Content-Disposition": 'attachment; filename="report.html"'}
    return Response(outcome.answer, HTTPStatus.OK, headers, _HTML)


def _task(service: Service, content: bytes) -> Task:
    return Task(
        content,
        oracles=service.settings.oracle_names,
        render=RenderRequest(section=True, entries="all"),
        bounds=service.settings.bounds,
        tolerance=service.settings.preset,
    )


def _page(
    request: Request,
    service: Service,
    visitor: Token | None,
    outcome: Outcome,
    form: Returned,
    example: str = "",
) -> Response:
    return page(
        request,
        "home.html.jinja",
        form.status,
        examples=(*EXAMPLES.values(), *PLANTED_MISTAKES.values()),
        example=example,
        form=form,
        outcome=outcome,
        may_check=service.settings.open_checks or (visitor is not None and visitor.role is not Role.STUDENT),
    )
