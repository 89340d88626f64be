"""Implementation of `gradjury inspect`: inspect every file and write the results."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from verifier.cli.files import (
    STANDARD_INPUT,
    expand_paths,
    print_document_errors,
    read_source,
    unreadable_file_error,
)
from verifier.documents.assignment_files import assignment_document
from verifier.documents.files import parse_bytes
from verifier.documents.json import to_json
from verifier.documents.output import open_output
from verifier.exporters.page.page import render_inspection
from verifier.pipeline.inspection import inspect
from verifier.problem.errors import MalformedSubmission, replace_surrogates
from verifier.report.inspection import Inspection
from verifier.report.outcome import InspectionOutcome
from verifier.report.verdict import ExitStatus


def inspect_files(arguments: Sequence[str], format_name: str, output: Path | None) -> ExitStatus:
    """Inspect the named problems and write the results; print errors to standard error.

    Return the exit status of the command.
    """
    sources = list(expand_paths(arguments))
    if output is None:
        return _inspect_all(sources, format_name, sys.stdout)
    try:
        stream = open_output(output)
    except MalformedSubmission as error:
        print_document_errors(error.errors)
        return ExitStatus.MALFORMED
    with stream:
        return _inspect_all(sources, format_name, stream)


def _inspect_all(sources: Sequence[str], format_name: str, stream: IO[str]) -> ExitStatus:
    results = []
    for source in sources:
        try:
            inspection = inspect(_read(source))
        except MalformedSubmission as error:
            print_document_errors(error.errors, source)
            sentences = tuple(document_error.sentence for document_error in error.errors)
            results.append(InspectionOutcome(replace_surrogates(source), None, sentences))
            continue
        if format_name != "html":
            stream.write(_render(inspection, source, format_name, first=not results))
        results.append(InspectionOutcome(replace_surrogates(source), inspection))
    if format_name == "html":
        stream.write(render_inspection(results) + "\n")
    failed = any(result.inspection is None for result in results)
    return ExitStatus.MALFORMED if failed or not results else ExitStatus.CORRECT


def _read(source: str) -> Any:
    """Return the document of a submission or an assignment, whose arrays may be in a file beside it."""
    if source == STANDARD_INPUT:
        return parse_bytes(read_source(source))
    try:
        return assignment_document(Path(source))
    except OSError as error:
        raise MalformedSubmission([unreadable_file_error(error)]) from None


def _render(inspection: Inspection, source: str, format_name: str, *, first: bool) -> str:
    if format_name == "json":
        return to_json({"source": replace_surrogates(source), **inspection.to_dict()}) + "\n"
    return ("" if first else "\n") + str(inspection) + "\n"
