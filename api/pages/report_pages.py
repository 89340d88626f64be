"""A stored report, and the same as a file that needs nothing else."""

from http import HTTPStatus

from anyio.to_thread import run_sync
from fastapi import Request, Response

from api.dependencies import TheService
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import Member
from api.rendering import render_stored, render_stored_section
from api.routes.reports import readable

router = pages_router()

_HTML = "text/html"


@router.get("/reports/{report_id}", operation_id="report_page")
async def report(report_id: str, request: Request, service: TheService, member: Member) -> Response:
    found, document = await run_sync(readable, service, member, report_id)
    section = await run_sync(render_stored_section, document)
    return page(request, "report.html.jinja", report=found, section=section, whole=document is found.document)


@router.get("/reports/{report_id}/file", operation_id="report_file")
async def file(report_id: str, service: TheService, member: Member) -> Response:
    found, document = await run_sync(readable, service, member, report_id)
    content = await run_sync(render_stored, document, _HTML)
    headers = {"Content-Disposition": f'attachment; filename="report-{found.id}.html"'}
    return Response(content, HTTPStatus.OK, headers, _HTML)
