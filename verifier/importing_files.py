"""Importing files: what `gradjury import` does with its arguments."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verifier.documents.files import SUFFIXES, write_document
from verifier.documents.json_text import parse
from verifier.documents.mistakes import MalformedSubmission
from verifier.exit_status import ExitStatus
from verifier.importers import IMPORTERS, Importer
from verifier.importers.array_files import arrays_in
from verifier.importers.refusal import MissingLibrary, refused
from verifier.output import opened

_ARRAYS = ("inputs", "targets", "gradients")


def import_files(
    source: str, files: Sequence[Path], options: Mapping[str, str | None], output: Path | None
) -> ExitStatus:
    """Write the submission of a network and a question in files, or say on standard error what is in the way.

    options: `inputs`, `targets`, `gradients` name files of arrays; the others are words, or JSON.
    """
    try:
        row = _checked(source, files, options)
        given = {name: _option(name, value) for name, value in options.items() if value is not None}
        further = dict(zip(row.further_files, files[1:], strict=False))
        document = row.load()(files[0], **{"loss": None, **given}, **further)
        format_name = "json" if output is None else _format_of(output)
        content = write_document(document, format_name)
        if output is None:
            sys.stdout.write(content.decode())
        else:
            with opened(output, "wb") as stream:
                stream.write(content)
    except OSError as error:
        _say(f"{error.filename or source}: {error.strerror or error}")
    except MissingLibrary as error:
        _say(f"{source}: {error}")
    except MalformedSubmission as error:
        for mistake in error.mistakes:
            _say(f"{mistake.pointer or '(document)'}: {mistake.detail}")
    else:
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
    for name, value in options.items():
        if value is None and name in ("inputs", "targets", *row.required):
            raise refused(f"--{name}", f"{name} for {source}", "nothing", f"give --{name}")
        if (
            value is not None
            and name in ("activations", "order")
            and name not in (*row.required, *row.allowed)
        ):
            raise refused(f"--{name}", f"no such option for {source}", "one", "leave it out")
    return row


def _format_of(output: Path) -> str:
    if output.suffix not in SUFFIXES:
        raise refused("--output", f"a file ending in {', '.join(SUFFIXES)}", repr(output.name[:60]))
    return output.suffix.removeprefix(".")


def _option(name: str, value: str) -> Any:
    if name in _ARRAYS:
        return arrays_in(Path(value).read_bytes())
    if value.lstrip()[:1] in ("{", "["):
        return parse(value)
    return value.split(",") if name == "order" or "," in value else value


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201
