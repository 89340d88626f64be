"""`gradjury token`: make, list and revoke tokens in the database of the service."""

import sys
from csv import writer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.command_line.opening import open_repository, refuse
from verifier.cli import main as cli

if TYPE_CHECKING:
    from datetime import datetime

    from api.storage.records import Token

_token_commands = typer.Typer(
    no_args_is_help=True, help="Make, list and revoke the tokens of the HTTP service."
)
cli.app.add_typer(_token_commands, name="token")

_TokenDatabase = Annotated[
    str | None, typer.Option(help="sqlite:///FILE or postgresql://… (default: GRADJURY_DATABASE_URL).")
]


@_token_commands.command(name="create")
def create_tokens(
    role: Annotated[str, typer.Option(help="grader, student or ci.")],
    subject: Annotated[str | None, typer.Option(help="Name of the student or grader.")] = None,
    subjects: Annotated[
        Path | None,
        typer.Option(help="A file of names, one a line, or CSV of name,lms_id; prints CSV of name,token."),
    ] = None,
    assignment: Annotated[
        list[str] | None, typer.Option(help="Assignment ID that the token gives access to; can be repeated.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="Lifetime such as 30d, 12h, 8w; default: never expires.")
    ] = None,
    database_url: _TokenDatabase = None,
) -> None:
    """Make a token and print it, this once: only a digest is kept."""
    if (subject is None) == (subjects is None):
        refuse("give either --subject NAME or --subjects FILE")
    with open_repository(database_url) as repository:
        from api.service import utc_now  # loads FastAPI
        from api.services.roster import read_roster
        from api.services.tokens import issue, read_token_request
        from api.storage.records import Role
        from verifier.problem.errors import MalformedSubmission
        from verifier.report.wording import spreadsheet_cell

        holders = [(subject, "")] if subject is not None else _read_names(subjects)
        names = [name for name, _ in holders]
        try:
            request = read_token_request(repository.assignments, role, names, assignment or [], expires)
            entries = read_roster([{"student": name, "lms_id": lms_id} for name, lms_id in holders if lms_id])
        except MalformedSubmission as error:
            refuse(str(error))
        for assignment_id in request.assignments if request.role is Role.STUDENT and entries else ():
            repository.roster.add(assignment_id, entries)
        rows = writer(sys.stdout, lineterminator="\n")
        if subjects is not None:
            rows.writerow(("name", "token"))
        for name in request.subjects:
            _, text = issue(
                repository.tokens, request.role, name, request.assignments, utc_now(), request.lifetime
            )
            rows.writerow((text,) if subjects is None else (spreadsheet_cell(name), text))


@_token_commands.command(name="list")
def list_tokens(database_url: _TokenDatabase = None) -> None:
    """List all tokens, one a line: id, role, subject, state, when made, what it opens."""
    with open_repository(database_url) as repository:
        from api.service import utc_now  # loads FastAPI

        moment = utc_now()
        for token in repository.tokens.list():
            made, opens = f"{token.created:%Y-%m-%d}", ",".join(sorted(token.assignments)) or "-"
            state = _token_state(token, moment)
            typer.echo(f"{token.id}  {token.role:7}  {state:18}  made {made}  {token.subject}  {opens}")


@_token_commands.command(name="revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="ID of the token, as in `token list`.")],
    database_url: _TokenDatabase = None,
) -> None:
    """Revoke a token: it opens nothing from now on."""
    with open_repository(database_url) as repository:
        from api.service import utc_now  # loads FastAPI

        if "\0" in token_id or not repository.tokens.revoke(token_id, utc_now()):
            refuse(f"expected the id of a token, as gradjury token list shows it, got {token_id[:60]!r}")


def _read_names(file: Path | None) -> list[tuple[str, str]]:
    """Return the names of a file, each with an id in a learning management system, empty if it has none."""
    from verifier.documents.students import read_students  # loads numpy
    from verifier.problem.errors import MalformedSubmission

    assert file is not None
    try:
        text = file.read_text(encoding="utf-8-sig")
        return [(student.name, student.lms_id or "") for student in read_students(text)]
    except MalformedSubmission as error:
        refuse("\n".join(f"{file}: {mistake.sentence}" for mistake in error.errors))
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{file}: {getattr(error, 'strerror', None) or 'expected UTF-8 text, a name a line'}")


def _token_state(token: "Token", moment: "datetime") -> str:
    if token.revoked is not None:
        return "revoked"
    if token.expires is None:
        return "valid"
    return f"{'until' if token.valid_at(moment) else 'expired'} {token.expires:%Y-%m-%d}"
