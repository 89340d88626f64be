"""Implementation of `gradjury inspect`: inspect every file and write the results."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from verifier.cli.files import content_of, sources_of, tell_mistakes
from verifier.documents.files import parse_bytes
from verifier.documents.json import write
from verifier.documents.output import opened
from verifier.pipeline.inspection import inspect
from verifier.problem.errors import MalformedSubmission, encodable
from verifier.report.inspection import Inspection
from verifier.report.outcome import Inspected
from verifier.report.verdict import ExitStatus


def inspect_files(arguments: Sequence[str], format_name: str, output: Path | None) -> ExitStatus:
    """Inspect the named problems and write the results; print errors to standard error.

    Return the exit status of the command.
    """
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
    results = []
    for source in sources:
        try:
            inspection = inspect(parse_bytes(content_of(source)))
        except MalformedSubmission as error:
            tell_mistakes(error.mistakes, source)
            sentences = tuple(mistake.sentence for mistake in error.mistakes)
            results.append(Inspected(encodable(source), None, sentences))
            continue
        if format_name != "html":
            stream.write(_render(inspection, source, format_name, first=not results))
        results.append(Inspected(encodable(source), inspection))
    if format_name == "html":
        stream.write(_render_page(results) + "\n")
    failed = any(result.inspection is None for result in results)
    return ExitStatus.MALFORMED if failed or not results else ExitStatus.CORRECT


def _render_page(results: Sequence[Inspected]) -> str:
    from verifier.exporters.page.page import render_inspection

    return render_inspection(results)


def _render(inspection: Inspection, source: str, format_name: str, *, first: bool) -> str:
    if format_name == "json":
        return write({"source": encodable(source), **inspection.to_dict()}) + "\n"
    return ("" if first else "\n") + str(inspection) + "\n"
