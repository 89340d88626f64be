"""What pages load: style sheets and scripts, served from the package under an address of their content."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from verifier.report_page import ASSETS

_FOREVER = "public, max-age=31536000, immutable"


class _Unchanging(StaticFiles):
    """Files whose address changes with their content, so that no browser need ask for them twice."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _FOREVER
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _folders() -> dict[str, Path]:
    return {"site": Path(__file__).parent / "assets", "report": ASSETS}


@cache
def _digest() -> str:
    """Name the content of all that is served."""
    digest = sha256()
    for folder in _folders().values():
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def asset(path: str) -> str:
    """Give the address of a file, `site/NAME` or `report/NAME`."""
    return f"/assets/{_digest()}/{path}"


def served_assets() -> Mount:
    """Give the route of all files; it is asked with any digest, of a page made before an upgrade too."""
    mounts = [Mount(f"/{name}", _Unchanging(directory=folder)) for name, folder in _folders().items()]
    return Mount("/assets/{digest}", routes=mounts)
