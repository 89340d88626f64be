"""The gallery: mistakes that somebody really made, with what judging says of them now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request, Response

from api.dependencies import TheService
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import Visitor
from api.rendering import JSON
from api.service import Service
from api.services.checks import judge
from api.workers.protocol import RenderRequest, Task
from verifier.documents.json_text import parse, write
from verifier.exporters.sentences import plain
from verifier.gallery import GALLERY
from verifier.gallery.entry import Entry, Live
from verifier.gallery.submissions import gallery_document
from verifier.offered import IN_GALLERY

router = pages_router()


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry and what its report says. address: of the page that judges it before one's eyes."""

    entry: Entry
    address: str
    release: str
    declared_loss: str
    verdict: str
    diagnosis: tuple[Mapping[str, Any], ...]


@router.get("/gallery", operation_id="gallery_page")
async def gallery(request: Request, service: TheService, visitor: Visitor) -> Response:
    state = request.app.state
    if getattr(state, "gallery", None) is None:  # the package's own submissions: judged once a process
        state.gallery = [await _shown(service, entry) for entry in GALLERY.values()]
    return page(request, "gallery.html.jinja", rows=state.gallery)


async def _shown(service: Service, entry: Entry) -> Shown:
    content = write(await run_sync(gallery_document, entry.name)).encode()
    task = Task(content, oracles=service.settings.oracle_names, render=RenderRequest(JSON))
    report = parse((await judge(service, task)).answer)
    return Shown(
        entry,
        f"/examples/{IN_GALLERY}{entry.name}",
        entry.made.release if isinstance(entry.made, Live) else "",
        plain(report["loss"]["graded_under"]).strip("()"),
        report["verdict"],
        tuple(report["diagnosis"]),
    )
