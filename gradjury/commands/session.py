"""Clients, messages, tables and completion for the commands that call a service."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gradjury.client import MissingExtraError, load_client
from gradjury.client.errors import AuthenticationError, ServiceError, UnavailableError
from gradjury.client.logins import LoginsError
from verifier.report.verdict import ExitStatus

if TYPE_CHECKING:
    from gradjury.client.client import Client
    from gradjury.client.records import AssignmentSummary

_ID = re.compile(r"[0-9a-f]{32}")
_COMPLETION_TIMEOUT = 2.0  # seconds that pressing the tab key may take
_SHOWN = 10  # assignments in a message


class ListFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


@contextmanager
def connect(server: str | None = None, token: str | None = None) -> "Iterator[Client]":
    """Yield a client of the chosen service. Its exceptions are printed, and the command ends.

    Exit status: 2 for what the service refuses or cannot take, 4 where it does not answer.
    """
    from verifier.problem.errors import MalformedSubmission  # loads numpy

    try:
        with load_client()(server, token) as client:
            yield client
    except AuthenticationError as error:
        refuse(f"{error}; log in: gradjury login {client.url}")
    except UnavailableError as error:
        refuse(str(error), ExitStatus.INTERNAL)
    except (ServiceError, MissingExtraError, LoginsError, MalformedSubmission) as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except ValueError as error:
        refuse(str(error))


def refuse(message: str, status: ExitStatus = ExitStatus.MALFORMED) -> NoReturn:
    """Print a message to standard error and end the command."""
    for line in message.splitlines():
        note(line)
    raise typer.Exit(int(status))


def note(message: str) -> None:
    """Print a remark to standard error: standard output has the result alone."""
    from verifier.report.wording import sanitize_line  # loads numpy

    typer.echo(sanitize_line(message), err=True)


def find_assignment(client: "Client", text: str) -> str:
    """Return the id of the assignment that is meant by its id, its title, or the beginning of one of them."""
    if _ID.fullmatch(text):
        return text
    rows = client.assignments()
    exact = [row for row in rows if text == row.title]
    wanted = text.casefold()
    near = [row for row in rows if row.id.startswith(text) or row.title.casefold().startswith(wanted)]
    meant = exact or near
    if len(meant) == 1:
        return meant[0].id
    listed = "".join(f"\n  {row.id}  {row.title}" for row in (meant or rows)[:_SHOWN])
    if meant:
        raise ValueError(f"{len(meant)} assignments begin with {text!r}; give the id:{listed}")
    known = f"; there are:{listed}" if rows else "; your token opens none"
    raise ValueError(f"there is no assignment {text!r}{known}")


def complete_assignment(incomplete: str) -> list[tuple[str, str]]:
    """Return the ids that the shell offers, with their titles; none if the service does not answer."""
    try:
        with load_client()(timeout=_COMPLETION_TIMEOUT, retries=0) as client:
            rows: list[AssignmentSummary] = client.assignments()
    except (ServiceError, ValueError, ImportError, LoginsError):  # a completion prints nothing
        return []
    return [(row.id, row.title) for row in rows if row.id.startswith(incomplete)]


AssignmentArgument = Annotated[
    str,
    typer.Argument(metavar="ASSIGNMENT", help="Its id or title.", autocompletion=complete_assignment),
]
ServerOption = Annotated[
    str | None, typer.Option("--server", help="Address of the service; by default the one of gradjury login.")
]
OutputOption = Annotated[Path | None, typer.Option(help="Write to a file instead of printing.")]
ListFormatOption = Annotated[ListFormat, typer.Option("--format")]


def write_result(text: str, output: Path | None) -> None:
    """Print the result of a command, or write it to a file. Raises: MalformedSubmission."""
    from verifier.documents.output import open_output  # loads numpy

    if output is None:
        sys.stdout.write(text)
        return
    with open_output(output) as stream:
        stream.write(text)


def json_text(document: Any) -> str:
    """Return a document as indented JSON with a newline at its end."""
    return json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as text in aligned columns. None is written as a hyphen."""
    from verifier.report.wording import sanitize_line  # loads numpy

    cells = [[sanitize_line("-" if cell is None else str(cell)) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "".join(f"{line.rstrip()}\n" for line in lines)
