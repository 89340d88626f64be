"""Importing files: what `gradjury import` does with its arguments."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from verifier.documents.files import SUFFIXES, write_document
from verifier.documents.json_text import parse
from verifier.documents.mistakes import MalformedSubmission, Mistakes
from verifier.exit_status import ExitStatus
from verifier.importers import IMPORTERS, Importer
from verifier.importers.array_files import arrays_in
from verifier.importers.refusal import MissingLibrary, refused
from verifier.output import opened
from verifier.sources import content_of, unreadable
from verifier.telling import tell, tell_mistakes

_ARRAYS = ("inputs", "targets", "gradients")


def import_files(
    source: str, files: Sequence[Path], options: Mapping[str, str | None], output: Path | None
) -> ExitStatus:
    """Write the submission of a network and a question in files, or say on standard error what is in the way.

    options: `inputs`, `targets`, `gradients` name files of arrays; the others are words, or JSON.
    """
    try:
        row = _checked(source, files, options)
        given = _given(options)
        further = dict(zip(row.further_files, files[1:], strict=False))
        document = row.load()(files[0], **{"loss": None, **given}, **further)
        format_name = "json" if output is None else _format_of(output)
        content = write_document(document, format_name)
        stream = None if output is None else opened(output, "wb")
    except OSError as error:
        tell_mistakes([unreadable(error)], str(error.filename or source))
    except MissingLibrary as error:
        tell(f"{source}: {error}")
    except MalformedSubmission as error:
        tell_mistakes(error.mistakes)
    else:
        if stream is None:
            sys.stdout.write(content.decode())
        else:
            with stream:
                stream.write(content)
        return ExitStatus.CORRECT
    return ExitStatus.MALFORMED


def _checked(source: str, files: Sequence[Path], options: Mapping[str, str | None]) -> Importer:
    if source not in IMPORTERS:
        raise refused("SOURCE", f"one of {', '.join(IMPORTERS)}", repr(source[:60]))
    row = IMPORTERS[source]
    if not row.from_files:
        remedy = f"call verifier.importers.{row.function} in Python"
        raise refused("SOURCE", "a source of files", f"{source}: {row.reads}", remedy)
    most = 1 + len(row.further_files)
    if not 1 <= len(files) <= most:
        raise refused("FILE", f"1 to {most}: {row.reads}", f"{len(files)}")
    mistakes = Mistakes()
    for name, value in options.items():
        if value is None and name in ("inputs", "targets", *row.required):
            mistakes.add(f"--{name}", f"{name} for {source}", "nothing", f"give --{name}")
        if (
            value is not None
            and name in ("activations", "order")
            and name not in (*row.required, *row.allowed)
        ):
            mistakes.add(f"--{name}", f"no such option for {source}", "one", "leave it out")
    mistakes.raise_if_any()
    return row


def _format_of(output: Path) -> str:
    if output.suffix not in SUFFIXES:
        raise refused("--output", f"a file ending in {', '.join(SUFFIXES)}", repr(output.name[:60]))
    return output.suffix.removeprefix(".")


def _given(options: Mapping[str, str | None]) -> dict[str, Any]:
    """Read every option that was given. Raises: MalformedSubmission with what is wrong in any of them."""
    given, mistakes = {}, []
    for name, value in options.items():
        if value is None:
            continue
        try:
            given[name] = _option(name, value)
        except MalformedSubmission as error:
            where = value if name in _ARRAYS else f"--{name}"
            mistakes += [
                replace(own, pointer=f"{where}: {own.pointer or '(document)'}") for own in error.mistakes
            ]
    if mistakes:
        raise MalformedSubmission(mistakes)
    return given


def _option(name: str, value: str) -> Any:
    if name in _ARRAYS:
        return arrays_in(content_of(value))
    if value.lstrip()[:1] in ("{", "["):
        return parse(value)
    return value.split(",") if name == "order" or "," in value else value
