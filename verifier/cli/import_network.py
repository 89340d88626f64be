"""Implementation of `gradjury import`: read files of another library and write a submission."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from verifier.cli.files import print_document_errors, print_error, read_source, unreadable_file_error
from verifier.documents.files import SUFFIXES, write_document
from verifier.documents.importers import IMPORTERS, Importer
from verifier.documents.importers.common import MissingLibrary, refused
from verifier.documents.importers.state_dict import arrays_in
from verifier.documents.json import parse
from verifier.documents.output import open_output
from verifier.problem.errors import ErrorCollector, MalformedSubmission, suggest_name
from verifier.report.verdict import ExitStatus

_ARRAYS = ("inputs", "targets", "gradients")


def import_files(
    source: str, files: Sequence[Path], options: Mapping[str, str | None], output: Path | None
) -> ExitStatus:
    """Write the submission of a network, a batch and gradients; print errors to standard error.

    source: name of the importer.
    options: `inputs`, `targets` and `gradients` are file names; the other options are words or JSON text.
    output: file to write; None for standard output.
    Return the exit status of the command.
    """
    try:
        importer = _check_importer(source, files, options)
        values = _read_options(options)
        further = dict(zip(importer.further_files, files[1:], strict=False))
        document = importer.load()(files[0], **{"loss": None, **values}, **further)
        format_name = "json" if output is None else _format_of(output)
        content = write_document(document, format_name)
        stream = None if output is None else open_output(output, "wb")
    except OSError as error:
        print_document_errors([unreadable_file_error(error)], str(error.filename or source))
    except MissingLibrary as error:
        print_error(f"{source}: {error}")
    except MalformedSubmission as error:
        print_document_errors(error.errors)
    else:
        if stream is None:
            sys.stdout.write(content.decode())
        else:
            with stream:
                stream.write(content)
        return ExitStatus.CORRECT
    return ExitStatus.MALFORMED


def _check_importer(source: str, files: Sequence[Path], options: Mapping[str, str | None]) -> Importer:
    if source not in IMPORTERS:
        remedy = "for a file of PyTorch write state_dict" if "torch" in source else ""
        similar = suggest_name(source, IMPORTERS)
        remedy = remedy or (similar if "mean" in similar else "")
        raise refused("SOURCE", f"one of {', '.join(IMPORTERS)}", repr(source[:60]), remedy)
    importer = IMPORTERS[source]
    if not importer.from_files:
        remedy = f"call verifier.documents.importers.{importer.function} in Python"
        raise refused("SOURCE", "a source of files", f"{source}: {importer.reads}", remedy)
    most = 1 + len(importer.further_files)
    if not 1 <= len(files) <= most:
        raise refused("FILE", f"1 to {most}: {importer.reads}", f"{len(files)}")
    errors = ErrorCollector()
    for name, value in options.items():
        if value is None and name in ("inputs", "targets", *importer.required):
            errors.add(f"--{name}", f"{name} for {source}", "nothing", f"give --{name}")
        if (
            value is not None
            and name in ("activations", "order")
            and name not in (*importer.required, *importer.optional)
        ):
            errors.add(f"--{name}", f"no such option for {source}", "one", "leave it out")
    errors.raise_if_any()
    return importer


def _format_of(output: Path) -> str:
    if output.suffix not in SUFFIXES:
        raise refused("--output", f"a file ending in {', '.join(SUFFIXES)}", repr(output.name[:60]))
    return output.suffix.removeprefix(".")


def _read_options(options: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the values of the options that are present. Raises: MalformedSubmission with all mistakes."""
    values, errors = {}, []
    for name, value in options.items():
        if value is None:
            continue
        try:
            values[name] = _read_option(name, value)
        except MalformedSubmission as error:
            where = value if name in _ARRAYS else f"--{name}"
            errors += [
                replace(document_error, pointer=f"{where}: {document_error.pointer or '(document)'}")
                for document_error in error.errors
            ]
    if errors:
        raise MalformedSubmission(errors)
    return values


def _read_option(name: str, value: str) -> Any:
    if name in _ARRAYS:
        return arrays_in(read_source(value))
    if value.lstrip()[:1] in ("{", "["):
        return parse(value)
    return value.split(",") if name == "order" or "," in value else value
