"""Templates to pages; whatever is put into one is escaped."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from api.pages.assets import asset
from verifier.exporters.harmless import shortened

if TYPE_CHECKING:
    from datetime import datetime

    from jinja2 import Environment


def page(
    request: Request,
    template: str,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Render a template for whoever looks at it."""
    visitor = getattr(request.state, "visitor", None)
    text = _environment().get_template(template).render(visitor=visitor, path=request.url.path, **values)
    return HTMLResponse(text, status, dict(headers or {}))


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("api.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset
    environment.filters["shortened"] = shortened
    environment.filters["moment"] = _moment
    environment.filters["number"] = _number
    return environment


def _moment(moment: "datetime") -> str:
    return moment.strftime("%Y-%m-%d %H:%M %Z")


def _number(value: float) -> str:
    return f"{value:.6g}"
