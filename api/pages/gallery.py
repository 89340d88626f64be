"""The gallery: mistakes from published code and questions, with their present reports."""

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
from api.services.cached import cached
from api.services.checks import judge
from api.workers.protocol import RenderRequest, Task
from verifier.documents.json import parse, to_json
from verifier.examples.gallery import GALLERY
from verifier.examples.gallery.entry import GalleryEntry, LibraryRun
from verifier.examples.gallery.submissions import gallery_document
from verifier.examples.named import IN_GALLERY
from verifier.report.wording import format_value

router = pages_router()


@dataclass(frozen=True, slots=True)
class GalleryPageRow:
    """An entry and the main parts of its report. address: the page that judges the entry again."""

    entry: GalleryEntry
    address: str
    release: str
    declared_loss: str
    verdict: str
    diagnosis: tuple[Mapping[str, Any], ...]


@router.get("/gallery", operation_id="gallery_page")
async def gallery(request: Request, service: TheService, visitor: Visitor) -> Response:
    rows = await cached(service, "gallery", lambda: _rows(service))  # the entries never change
    return page(request, "gallery.html.jinja", rows=rows)


async def _rows(service: Service) -> list[GalleryPageRow]:
    return [await _row(service, entry) for entry in GALLERY.values()]


async def _row(service: Service, entry: GalleryEntry) -> GalleryPageRow:
    content = to_json(await run_sync(gallery_document, entry.name)).encode()
    task = Task(content, oracles=service.settings.oracle_names, render=RenderRequest(JSON))
    report = parse((await judge(service, task)).answer)
    return GalleryPageRow(
        entry,
        f"/examples/{IN_GALLERY}{entry.name}",
        entry.made.release if isinstance(entry.made, LibraryRun) else "",
        format_value(report["loss"]["graded_under"]).strip("()"),
        report["verdict"],
        tuple(report["diagnosis"]),
    )
