"""Inspecting files: what `gradjury inspect` does with its arguments."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from verifier.diagnosis.inspection import Inspection
from verifier.documents.files import parse_bytes
from verifier.documents.json_text import write
from verifier.documents.mistakes import MalformedSubmission, encodable
from verifier.exit_status import ExitStatus
from verifier.inspected import Inspected
from verifier.inspecting import inspect
from verifier.output import opened
from verifier.sources import content_of, sources_of
from verifier.telling import tell_mistakes


def inspect_files(arguments: Sequence[str], format_name: str, output: Path | None) -> ExitStatus:
    """Inspect every problem named, and say on standard error what could not be read."""
    sources = list(sources_of(arguments))
    if output is None:
        return _inspect_all(sources, format_name, sys.stdout)
    try:
        stream = opened(output)
    except MalformedSubmission as error:
        tell_mistakes(error.mistakes)
        return ExitStatus.MALFORMED
    with stream:
        return _inspect_all(sources, format_name, stream)


def _inspect_all(sources: Sequence[str], format_name: str, stream: IO[str]) -> ExitStatus:
    inspected = []
    for source in sources:
        try:
            inspection = inspect(parse_bytes(content_of(source)))
        except MalformedSubmission as error:
            tell_mistakes(error.mistakes, source)
            sentences = tuple(mistake.sentence for mistake in error.mistakes)
            inspected.append(Inspected(encodable(source), None, sentences))
            continue
        if format_name != "html":
            stream.write(_rendered(inspection, source, format_name, first=not inspected))
        inspected.append(Inspected(encodable(source), inspection))
    if format_name == "html":
        stream.write(_page(inspected) + "\n")
    unread = any(own.inspection is None for own in inspected)
    return ExitStatus.MALFORMED if unread or not inspected else ExitStatus.CORRECT


def _page(inspected: Sequence[Inspected]) -> str:
    from verifier.report_page.inspection_page import render

    return render(inspected)


def _rendered(inspection: Inspection, source: str, format_name: str, *, first: bool) -> str:
    if format_name == "json":
        return write({"source": encodable(source), **inspection.to_dict()}) + "\n"
    return ("" if first else "\n") + str(inspection) + "\n"
