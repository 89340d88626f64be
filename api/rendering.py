"""Stored reports in any format."""

from api.media_types import JSON, MEDIA_TYPES
from verifier.documents.json_text import parse
from verifier.documents.report_reading import read_report
from verifier.report import Report
from verifier.report_page import fragment
from verifier.sourced import Sourced


def rendered(document: bytes, media_type: str) -> bytes:
    """Render a report's JSON document; JSON itself is given as it was stored."""
    if media_type == JSON:
        return document
    return (MEDIA_TYPES[media_type].export(read_report(parse(document))) + "\n").encode()


def section(report: Report) -> str:
    """Render a report as a section of a web page."""
    return fragment(Sourced("", report))


def stored_section(document: bytes) -> str:
    """Render a stored report's JSON document, which has its worst entries alone, as a section of a page."""
    return section(read_report(parse(document)))
