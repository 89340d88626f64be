"""`gradjury roster` and `gradjury grades`: the students of an assignment."""

import csv
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from gradjury.commands.session import (
    AssignmentArgument,
    ListFormat,
    ListFormatOption,
    OutputOption,
    ServerOption,
    connect,
    find_assignment,
    json_text,
    table,
    write_result,
)

if TYPE_CHECKING:
    from gradjury.client.records import TokenDetails


class CountedAttempt(StrEnum):
    LATEST = "latest"
    BEST = "best"


_Counts = Annotated[CountedAttempt, typer.Option(help="The attempt of each student that counts.")]


def add_commands(app: typer.Typer) -> None:
    app.command()(roster)
    app.command()(grades)


def roster(
    assignment: AssignmentArgument,
    names: Annotated[
        Path | None,
        typer.Option(help="First set the students: a file of names, one a line, or of 'name,LMS id'."),
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(
            help="Give a token to everybody without a valid one; write name and token there, as CSV."
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="Lifetime of the tokens, such as 26w; default: never expires.")
    ] = None,
    counts: _Counts = CountedAttempt.LATEST,
    format_name: ListFormatOption = ListFormat.TEXT,
    server: ServerOption = None,
) -> None:
    """List the students of an assignment, also those who submitted nothing.

    Can set their names and give them tokens first.
    """
    with connect(server) as client:
        assignment_id = find_assignment(client, assignment)
        if names is not None:
            client.replace_roster(assignment_id, read_names(names))
        if tokens is not None:
            with open_private(tokens) as stream:  # before tokens are made that nobody would see
                write_tokens(client.create_tokens(assignment_id, expires=expires), stream)
        elif expires is not None:
            raise ValueError("--expires goes with --tokens")
        rows = client.roster(assignment_id, counts=counts.value)
        if format_name is ListFormat.JSON:
            write_result(json_text([asdict(row) for row in rows]), None)
            return
        heads = ("student", "LMS id", "token", "state", "attempts", "verdict", "points")
        cells = [
            (
                row.student,
                row.lms_id,
                row.token,
                row.state,
                row.attempts,
                row.verdict,
                f"{row.earned:g}/{row.worth:g}",
            )
            for row in rows
        ]
        write_result(table(heads, cells) if rows else "no students\n", None)


def grades(
    assignment: AssignmentArgument,
    counts: _Counts = CountedAttempt.LATEST,
    output: OutputOption = None,
    server: ServerOption = None,
) -> None:
    """Print the grades of an assignment as CSV, a row for each student."""
    with connect(server) as client:
        write_result(client.grades(find_assignment(client, assignment), counts=counts.value).csv, output)


def open_private(file: Path) -> IO[str]:
    """Return a new file, open for writing, that only its owner can read. Raises: OSError; ValueError."""
    try:
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError:
        raise ValueError(
            f"{file} exists already, and may have the only copy of tokens; name another"
        ) from None


def write_tokens(tokens: "Sequence[TokenDetails]", stream: IO[str]) -> None:
    """Write a row of name and token for each."""
    from verifier.report.wording import spreadsheet_cell  # loads numpy

    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(("name", "token"))
    rows.writerows((spreadsheet_cell(token.subject), token.text) for token in tokens)


def read_names(file: Path) -> dict[str, str | None]:
    """Return the students in a file, with their LMS ids. Raises: OSError; ValueError with a remedy."""
    from verifier.documents.students import read_students  # loads numpy
    from verifier.problem.errors import MalformedSubmission

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{file}: expected UTF-8 text, a name a line") from None
    try:
        return {student.name: student.lms_id for student in read_students(text)}
    except MalformedSubmission as error:
        raise MalformedSubmission(
            replace(mistake, pointer=f"{file}: {mistake.pointer}") for mistake in error.errors
        ) from None
