"""`gradjury token`: tokens made, listed and revoked in the service's database."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from csv import writer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.refusing import refuse, refuse_missing

if TYPE_CHECKING:
    from datetime import datetime

    from api.storage.records import Token
    from api.storage.repository import Repository

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the tokens of the HTTP service.")

DatabaseUrl = Annotated[
    str | None, typer.Option(help="sqlite:///FILE or postgresql://…; GRADJURY_DATABASE_URL otherwise.")
]


@app.command()
def create(
    role: Annotated[str, typer.Option(help="grader, student or ci.")],
    subject: Annotated[str | None, typer.Option(help="Who holds it: the student, or the grader.")] = None,
    subjects: Annotated[
        Path | None, typer.Option(help="A file of names, one a line: prints CSV of name and token.")
    ] = None,
    assignment: Annotated[
        list[str] | None, typer.Option(help="Id of an assignment that it opens; repeat for several.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Lifetime such as 30d, 12h, 8w; else for good.")] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a token and print it, this once: only a digest is kept."""
    if (subject is None) == (subjects is None):
        refuse("expected one of --subject NAME and --subjects FILE")
    with _repository(database_url) as repository:
        from api.service import utc_now
        from api.services.tokens import issue
        from api.token_requests import read_request
        from verifier.documents.mistakes import MalformedSubmission

        names = [subject] if subject is not None else _names(subjects)
        try:
            asked = read_request(repository.assignments, role, names, assignment or [], expires)
        except MalformedSubmission as error:
            refuse(str(error))
        rows = writer(sys.stdout, lineterminator="\n")
        if subjects is not None:
            rows.writerow(("name", "token"))
        for name in asked.subjects:
            _, text = issue(repository.tokens, asked.role, name, asked.assignments, utc_now(), asked.lifetime)
            rows.writerow((text,) if subjects is None else (_no_formula(name), text))


@app.command(name="list")
def list_tokens(database_url: DatabaseUrl = None) -> None:
    """List all tokens, one a line: id, role, subject, state, when made, what it opens."""
    with _repository(database_url) as repository:
        from api.service import utc_now

        moment = utc_now()
        for token in repository.tokens.list():
            made, opens = f"{token.created:%Y-%m-%d}", ",".join(sorted(token.assignments)) or "-"
            state = _state(token, moment)
            typer.echo(f"{token.id}  {token.role:7}  {state:18}  made {made}  {token.subject}  {opens}")


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="As `token list` shows it; the token's own middle part.")],
    database_url: DatabaseUrl = None,
) -> None:
    """Revoke a token: it opens nothing from now on."""
    with _repository(database_url) as repository:
        from api.service import utc_now

        if "\0" in token_id or not repository.tokens.revoke(token_id, utc_now()):
            refuse(f"expected the id of a token, as gradjury token list shows it, got {token_id[:60]!r}")


@contextmanager
def _repository(url: str | None) -> "Iterator[Repository]":
    try:
        from pydantic import ValidationError
        from sqlalchemy.exc import SQLAlchemyError

        from api.settings import Settings
        from api.storage.database import UnusableDatabaseError, open_repository
    except ModuleNotFoundError as error:
        refuse_missing(error)
    try:
        opened = open_repository(url if url is not None else Settings().database_url)
    except ValidationError as error:
        names = ", ".join("GRADJURY_" + str(item["loc"][0]).upper() for item in error.errors())
        refuse(f"not a value that it may have: {names}")
    except UnusableDatabaseError as error:
        refuse(str(error))
    except SQLAlchemyError as error:  # its text may hold the password
        refuse(f"the database cannot be opened ({type(error).__name__}); see --database-url")
    try:
        yield opened
    finally:
        opened.close()


def _names(file: Path | None) -> list[str]:
    assert file is not None
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{file}: {getattr(error, 'strerror', None) or 'expected UTF-8 text, a name a line'}")
    return [line.strip() for line in lines if line.strip()]


def _no_formula(name: str) -> str:
    return f"'{name}" if name[:1] in tuple("=+-@") else name  # what a spreadsheet would compute


def _state(token: "Token", moment: "datetime") -> str:
    if token.revoked is not None:
        return "revoked"
    if token.expires is None:
        return "valid"
    return f"{'until' if token.valid_at(moment) else 'expired'} {token.expires:%Y-%m-%d}"
