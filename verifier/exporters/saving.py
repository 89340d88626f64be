"""Write a report to a file, in the format of its suffix: `report.save("report.html")`."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from verifier.documents.output import open_output
from verifier.exporters import EXPORTERS
from verifier.problem.errors import suggest_name
from verifier.report.report import Report

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        ".txt": "text",
        ".json": "json",
        ".md": "markdown",
        ".html": "html",
        ".htm": "html",
        ".csv": "csv",
        ".xml": "junit",
        ".sarif": "sarif",
    }
)
PICTURES = (".png", ".svg", ".pdf")


def save(report: Report, path: str | Path, format_name: str | None) -> None:
    """Write a report. Raises: ValueError for an unknown format or a file that cannot be written."""
    path = Path(path)
    if format_name is None and path.suffix in PICTURES:
        report.plot().savefig(path)
        return
    chosen = FORMATS.get(path.suffix) if format_name is None else format_name
    if chosen is None:
        suffixes = ", ".join((*FORMATS, *PICTURES))
        raise ValueError(f"expected a name that ends in {suffixes}, got {str(path)!r}; or add format=…")
    if chosen not in EXPORTERS:
        remedy = suggest_name(chosen, EXPORTERS)
        rule = f"expected a format of {', '.join(EXPORTERS)}, got {chosen!r}"
        raise ValueError(f"{rule}; {remedy}" if remedy else rule)
    with open_output(path) as stream:
        stream.write(EXPORTERS[chosen].export(report) + "\n")
