"""The pages and what they load, put on the application."""

from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.pages import (
    assignments,
    batches,
    class_pages,
    gallery,
    home,
    login,
    report_pages,
    reports,
)
from api.pages.assets import served_assets
from api.pages.error_pages import error_page
from api.pages.page_route import protected

PAGES = (
    home,
    gallery,
    login,
    assignments,
    class_pages,
    reports,
    report_pages,
    batches,
)
_NO_PAGES = ("/v1/", "/evaluate", "/health", "/metrics", "/.well-known/", "/assets/", "/openapi.json")


def install(app: FastAPI) -> None:
    """Add the pages; an address that is none of the API's is answered by a page, for who reads pages."""
    for pages in PAGES:
        app.include_router(pages.router)
    app.router.routes.append(served_assets())
    otherwise = app.exception_handlers[HTTPException]

    @app.exception_handler(HTTPException)
    async def no_such_page(request: Request, error: HTTPException) -> Response:
        missing = error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
        reads_pages = "text/html" in request.headers.get("accept", "")
        if missing and reads_pages and not request.url.path.startswith(_NO_PAGES):
            return protected(request, error_page(request, error))
        answer: JSONResponse = await otherwise(request, error)  # type: ignore[misc]
        return answer
