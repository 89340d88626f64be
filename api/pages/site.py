"""Add the pages to the application."""

from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.http.root_path import route_path
from api.pages import assignments, batches, classes, editing, gallery, home, login, reports, students
from api.pages.guide import guide_routes
from api.pages.page_route import add_page_headers, error_page
from api.pages.templating import asset_routes

PAGES = (home, gallery, login, editing, assignments, classes, students, reports, batches)
_NO_PAGES = ("/v1/", "/evaluate", "/health", "/metrics", "/.well-known/", "/assets/", "/openapi.json")


def install(app: FastAPI) -> None:
    """Add the pages and their assets. Unknown addresses outside the API get an error page in browsers."""
    for module in PAGES:
        app.include_router(module.router)
    app.router.routes += [asset_routes(), *guide_routes()]
    problem_handler = app.exception_handlers[HTTPException]

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        missing = error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
        browser = "text/html" in request.headers.get("accept", "")
        if missing and browser and not route_path(request.scope).startswith(_NO_PAGES):
            return add_page_headers(request, error_page(request, error))
        response: JSONResponse = await problem_handler(request, error)  # type: ignore[misc]
        return response
