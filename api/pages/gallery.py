"""The gallery: mistakes from published code and questions, with their present reports."""

from dataclasses import dataclass

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
from verifier.exporters.page import network_figure
from verifier.report.formulas import formulas_of, mathml
from verifier.report.model import Diagnosis
from verifier.report.reading import read_report
from verifier.report.report import Report
from verifier.report.wording import declared_loss

router = pages_router()


@dataclass(frozen=True, slots=True)
class DiagnosisOnPage:
    """right, used: formulas as MathML."""

    bug: str
    layer: int | None
    explanation: str
    right: str
    used: str


@dataclass(frozen=True, slots=True)
class GalleryPageRow:
    """An entry and the main parts of its report.

    address: the page that judges the entry again. figure: the drawing of the network, as HTML.
    """

    entry: GalleryEntry
    address: str
    release: str
    declared_loss: str
    verdict: str
    diagnosis: tuple[DiagnosisOnPage, ...]
    figure: str


@router.get("/gallery", operation_id="gallery_page")
async def gallery(request: Request, service: TheService, visitor: Visitor) -> Response:
    rows = await cached(service, "gallery", lambda: _rows(service))  # the entries never change
    return page(request, "gallery.html.jinja", rows=rows)


async def _rows(service: Service) -> list[GalleryPageRow]:
    return [await _row(service, entry) for entry in GALLERY.values()]


async def _row(service: Service, entry: GalleryEntry) -> GalleryPageRow:
    content = to_json(await run_sync(gallery_document, entry.name)).encode()
    task = Task(content, oracles=service.settings.oracle_names, render=RenderRequest(JSON))
    report = read_report(parse((await judge(service, task)).answer))
    return GalleryPageRow(
        entry,
        f"/examples/{IN_GALLERY}{entry.name}",
        entry.made.release if isinstance(entry.made, LibraryRun) else "",
        declared_loss(report),
        report.verdict,
        tuple(_on_page(row, report) for row in report.diagnosis),
        network_figure(report, entry.name),
    )


def _on_page(row: Diagnosis, report: Report) -> DiagnosisOnPage:
    right, used = map(mathml, formulas_of(row, report.network))
    return DiagnosisOnPage(row.bug, row.layer, row.explanation, right, used)
