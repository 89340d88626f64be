"""The path under which a proxy offers the service. The proxy takes it away; answers must have it again."""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LINK = re.compile(r'(?<=\s)(href|src|action|data-events)="/(?!/)')
_LINK_HEADER = re.compile(r"(?<=<)/(?!/)")


def route_path(scope: Scope) -> str:
    """Return the path of a request as routes know it."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def with_root_path(html: str, scope: Scope) -> str:
    """Return a page whose links lead to the service. Texts in it cannot be links, since they are escaped."""
    root = scope.get("root_path", "")
    return _LINK.sub(rf'\1="{root}/', html) if root else html


class RootPathMiddleware:
    """Add the root path to the headers Location and Link."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = scope.get("root_path", "")
        await self._app(scope, receive, _with_headers(send, root) if root else send)


def _with_headers(send: Send, root: str) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            location, link = headers.get("location", ""), headers.get("link", "")
            if location.startswith("/") and not location.startswith(("//", f"{root}/")):
                headers["location"] = root + location
            if link:
                headers["link"] = _LINK_HEADER.sub(f"{root}/", link)
        await send(message)

    return send_with_headers
