"""Render templates, and serve the style sheets, scripts and images that they load."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.http.root_path import route_path, with_root_path
from verifier.exporters.page import ASSETS
from verifier.report.points import round_points
from verifier.report.wording import truncate_line

if TYPE_CHECKING:
    from datetime import datetime

    from jinja2 import Environment

_FOREVER = "public, max-age=31536000, immutable"
_FOLDERS = {"site": Path(__file__).parent / "assets", "report": ASSETS}


def page(
    request: Request,
    template: str,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Render a template for the visitor of a request. All values are escaped."""
    visitor = getattr(request.state, "visitor", None)
    path = route_path(request.scope)
    text = _environment().get_template(template).render(visitor=visitor, path=path, **values)
    return HTMLResponse(with_root_path(text, request.scope), status, dict(headers or {}))


def asset_url(path: str) -> str:
    """Return the URL of an asset, `site/NAME` or `report/NAME`. It has a digest of all assets."""
    return f"/assets/{_digest()}/{path}"


def asset_routes() -> Mount:
    """Return the route of all assets. It accepts any digest, for pages rendered before an upgrade."""
    mounts = [Mount(f"/{name}", _ImmutableFiles(directory=folder)) for name, folder in _FOLDERS.items()]
    return Mount("/assets/{digest}", routes=mounts)


class _ImmutableFiles(StaticFiles):
    """Files that browsers may cache for ever, because their URLs change with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _FOREVER
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


@cache
def _digest() -> str:
    digest = sha256()
    for folder in _FOLDERS.values():
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # deferred import: only pages need it

    environment = Environment(
        loader=PackageLoader("api.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset_url
    environment.filters["shortened"] = truncate_line
    environment.filters["moment"] = _format_moment
    environment.filters["number"] = _format_number
    return environment


def _format_moment(moment: "datetime") -> str:
    return moment.strftime("%Y-%m-%d %H:%M %Z")


def _format_number(value: float) -> str:
    """Return points as people write them: 3.33, 4, 0.5."""
    return f"{round_points(value):.2f}".rstrip("0").rstrip(".")
