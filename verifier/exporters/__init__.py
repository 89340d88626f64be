"""Reports as text in the formats that people and programs read. EXPORTERS has one row each.

An exporter is a pure function of a report. To add one, write its file and name it in EXPORTERS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from verifier.exporters import json, markdown, text
from verifier.report import Report


@dataclass(frozen=True, slots=True)
class Exporter:
    """One format: its name on the command line, its media type in HTTP."""

    name: str
    export: Callable[[Report], str]
    media_type: str


EXPORTERS: Mapping[str, Exporter] = MappingProxyType(
    {
        row.name: row
        for row in (
            Exporter("text", text.export, "text/plain"),
            Exporter("json", json.export, "application/json"),
            Exporter("markdown", markdown.export, "text/markdown"),
        )
    }
)

__all__ = ["EXPORTERS", "Exporter"]
