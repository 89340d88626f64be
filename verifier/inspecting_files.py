"""Inspecting files: what `gradjury inspect` does with its arguments."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from verifier.diagnosis.inspection import Inspection
from verifier.documents.files import parse_bytes
from verifier.documents.json_text import write
from verifier.documents.mistakes import MalformedSubmission, encodable
from verifier.exit_status import ExitStatus, of_all
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
    statuses = []
    for source in sources:
        try:
            inspection = inspect(parse_bytes(content_of(source)))
        except MalformedSubmission as error:
            tell_mistakes(error.mistakes, source)
            statuses.append(ExitStatus.MALFORMED)
            continue
        statuses.append(ExitStatus.CORRECT)
        stream.write(_rendered(inspection, source, format_name, first=len(statuses) == 1))
    return of_all(statuses)


def _rendered(inspection: Inspection, source: str, format_name: str, *, first: bool) -> str:
    if format_name == "json":
        return write({"source": encodable(source), **inspection.to_dict()}) + "\n"
    return ("" if first else "\n") + str(inspection) + "\n"
