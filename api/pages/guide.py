"""Serve the documentation. `make docs` builds it into the folder `guide` beside this file."""

from http import HTTPStatus
from pathlib import Path

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from api.pages.page_route import SECURITY_HEADERS

GUIDE = Path(__file__).parent / "guide"
_NOT_BUILT = "The guide is not built. Run `make docs` in the folder of GradJury.\n"
_POLICY = (  # the pages' scripts set styles
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def guide_routes(folder: Path = GUIDE) -> list[BaseRoute]:
    """Return the routes of the documentation, /guide and everything below it."""
    return [
        Route("/guide", lambda _: RedirectResponse("/guide/"), include_in_schema=False),
        Mount("/guide", _GuideFiles(directory=folder, html=True, check_dir=False)),
    ]


class _GuideFiles(StaticFiles):
    """Files of the guide, or a line that says how to build it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if Path(str(self.directory)).is_dir():
            await super().__call__(scope, receive, send)
        else:
            await PlainTextResponse(_NOT_BUILT, HTTPStatus.NOT_FOUND)(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(SECURITY_HEADERS | {"Content-Security-Policy": _POLICY})
        response.headers["Cache-Control"] = "no-cache"
        return response
