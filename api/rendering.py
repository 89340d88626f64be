"""Reports in every export format, by media type."""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.exporters import EXPORTERS, Exporter
from verifier.exporters.page import fragment
from verifier.report.outcome import FileOutcome
from verifier.report.report import Report

JSON = "application/json"


def _by_media_type() -> dict[str, Exporter]:
    exporters: dict[str, Exporter] = {}
    for exporter in EXPORTERS.values():
        for name in (exporter.media_type, *exporter.aliases):
            exporters.setdefault(name, exporter)  # formats may share a media type: the first one counts
    return exporters


MEDIA_TYPES: Mapping[str, Exporter] = MappingProxyType(_by_media_type())


def render(report: Report, media_type: str) -> bytes:
    """Return a report in the format of a media type."""
    return (MEDIA_TYPES[media_type].export(report) + "\n").encode()


def render_section(report: Report) -> str:
    """Return a report as a section of a web page."""
    return fragment(FileOutcome("", report))
