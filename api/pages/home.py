"""The home page: check a submission and show its report. Nothing is stored."""

from dataclasses import dataclass
from http import HTTPStatus

from anyio.to_thread import run_sync
from fastapi import Request, Response

from api.dependencies import TheService
from api.http.negotiation import attachment
from api.http.problems import ProblemError, RefusedError
from api.pages.forms import EMPTY, FormErrors, KeptDocument, form_errors, keep_document, read_form
from api.pages.page_route import is_part, pages_router
from api.pages.templating import page
from api.pages.visitors import SAME_ORIGIN, PageChecker, Visitor
from api.service import Service
from api.services.cached import cached
from api.services.checks import check_task, judge
from api.storage.records import Role, Token
from api.workers.protocol import RenderRequest
from verifier.documents.json import to_json
from verifier.examples.graphs import BUGGY_EXAMPLES
from verifier.examples.layers import EXAMPLES
from verifier.examples.named import list_examples, load_example
from verifier.problem.errors import DocumentError

router = pages_router()

_HTML = "text/html"


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The lower part of the page.

    section: the report as HTML. source: its file. document_errors: of a malformed document.
    trouble: other errors.
    """

    section: str = ""
    source: str = ""
    document_errors: tuple[DocumentError, ...] = ()
    trouble: str = ""


@router.get("/", operation_id="home_page")
async def home(request: Request, service: TheService, visitor: Visitor) -> Response:
    return _home_page(request, service, visitor, CheckOutcome(), EMPTY)


@router.get("/examples/{name:path}", operation_id="example_page")
async def example(name: str, request: Request, service: TheService, visitor: PageChecker) -> Response:
    if name not in list_examples():
        detail = f"there is no example of that name; there are {', '.join(list_examples())}"
        raise ProblemError(HTTPStatus.NOT_FOUND, detail)
    text = await run_sync(lambda: to_json(load_example(name), indent=1))
    section = await cached(service, f"example {name}", lambda: _judge_to_section(service, text.encode()))
    outcome = CheckOutcome(section)
    return _home_page(request, service, visitor, outcome, FormErrors(kept=KeptDocument(text)), name)


@router.post("/", operation_id="check_page", dependencies=[SAME_ORIGIN])
async def check(request: Request, service: TheService, visitor: PageChecker) -> Response:
    form = await read_form(request, service.settings.largest_body)
    try:
        document = form.document()
        if form.field("download"):
            return await _download(service, document.content)
        outcome = CheckOutcome(await _judge_to_section(service, document.content), document.name)
        errors = FormErrors(kept=keep_document(form))
    except (RefusedError, ProblemError) as error:
        errors = form_errors(form, error)
        outcome = CheckOutcome(document_errors=errors.document_errors, trouble=errors.trouble)
    if is_part(request):
        return page(request, "outcome.html.jinja", errors.status, outcome=outcome)
    return _home_page(request, service, visitor, outcome, errors)


async def _judge_to_section(service: Service, content: bytes) -> str:
    """Judge a submission and return its report as a section of a page."""
    outcome = await judge(service, check_task(service, content, RenderRequest(section=True, entries="all")))
    return outcome.answer.decode()


async def _download(service: Service, content: bytes) -> Response:
    """Judge a submission and return its report as a self-contained HTML file."""
    outcome = await judge(service, check_task(service, content, RenderRequest(_HTML, entries="all")))
    return attachment(outcome.answer, "report.html", _HTML)


def _home_page(
    request: Request,
    service: Service,
    visitor: Token | None,
    outcome: CheckOutcome,
    form: FormErrors,
    example: str = "",
) -> Response:
    return page(
        request,
        "home.html.jinja",
        form.status,
        examples=(*EXAMPLES.values(), *BUGGY_EXAMPLES.values()),
        example=example,
        form=form,
        outcome=outcome,
        may_check=service.settings.open_checks or (visitor is not None and visitor.role is not Role.STUDENT),
    )
