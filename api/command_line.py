"""The command line: the verifier's commands, and those of the service.

A command imports its modules when it runs: importing the numerics takes half a second, and the service needs
optional packages, so that a missing one can be named.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from csv import writer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from verifier.cli import main as cli
from verifier.report.verdict import ExitStatus

if TYPE_CHECKING:
    from datetime import datetime

    from api.storage.records import Token
    from api.storage.repository import Repository

_token_commands = typer.Typer(
    no_args_is_help=True, help="Make, list and revoke the tokens of the HTTP service."
)
cli.app.add_typer(_token_commands, name="token")

_TokenDatabase = Annotated[
    str | None, typer.Option(help="sqlite:///FILE or postgresql://…; GRADJURY_DATABASE_URL otherwise.")
]


def main() -> None:
    """Run the command line. An unexpected error is printed in one line, with exit status 4."""
    cli.main()


@cli.app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer requests.")] = 1,
    database_url: Annotated[
        str | None, typer.Option(help="sqlite:///FILE or postgresql://…; GRADJURY_DATABASE_URL otherwise.")
    ] = None,
    worker: Annotated[
        bool | None,
        typer.Option(
            "--worker/--no-worker",
            help="Judge batches in these processes too; GRADJURY_WORKER otherwise, or yes.",
        ),
    ] = None,
) -> None:
    """Run the HTTP service until interrupted."""
    try:
        from api.server import run_service  # needs gradjury[service]
    except ModuleNotFoundError as error:
        _refuse_missing(error)
    with _open_repository(database_url):  # in the server its errors would be tracebacks
        pass
    run_service(host, port, workers, database_url, worker)


@cli.app.command()
def worker(
    name: Annotated[str | None, typer.Option(help="What logs call it; the machine's name otherwise.")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="The service's database; GRADJURY_DATABASE_URL otherwise.")
    ] = None,
) -> None:
    """Judge batches until interrupted, beside the service or on another machine."""
    try:
        from api.batches.worker import run_batch_worker  # needs gradjury[service]
    except ModuleNotFoundError as error:
        _refuse_missing(error)
    with _open_repository(database_url):
        pass
    run_batch_worker(name, database_url)


@cli.app.command(name="verify-report")
def verify_report(
    file: Annotated[Path, typer.Argument(help="A signed report: GET /v1/reports/… as application/jose.")],
    keys: Annotated[Path, typer.Option(help="The service's /.well-known/jwks.json, saved.")],
    output: Annotated[Path | None, typer.Option(help="Write the proved report there, as JSON.")] = None,
) -> None:
    """Check offline that a service signed a report, and that nobody changed it since.

    Exit status: 0 it holds, 1 it does not, 2 a file cannot be read.
    """
    try:
        from api.signing import UnverifiedError, verify_signature  # needs gradjury[service]
    except ModuleNotFoundError as error:
        _refuse_missing(error)
    from verifier.documents.json import parse  # loads numpy
    from verifier.problem.errors import MalformedSubmission
    from verifier.report.wording import sanitize_line

    try:
        signed, key_set = file.read_bytes(), parse(keys.read_bytes())
    except OSError as error:
        _refuse(sanitize_line(f"{error.filename}: expected a file that can be read ({error.strerror})"))
    except MalformedSubmission as error:
        _refuse(sanitize_line(f"{keys}: {error}"))
    try:
        verified = verify_signature(signed, key_set)
        document = parse(verified.document)
    except (UnverifiedError, MalformedSubmission) as error:
        typer.echo(sanitize_line(f"{file}: {error}"), err=True)
        raise typer.Exit(int(ExitStatus.INCORRECT)) from None
    if output is not None:
        try:
            output.write_bytes(verified.document + b"\n")
        except OSError as error:
            _refuse(sanitize_line(f"{output}: expected a file that can be written ({error.strerror})"))
    name = document.get("name") or "report"
    claims = "".join(
        f"\n  {sanitize_line(f'{key}: {value}')}" for key, value in sorted(verified.claims.items())
    )
    sys.stdout.write(f"the signature of {verified.key_id} holds: {name}, {document['verdict']}{claims}\n")


@_token_commands.command(name="create")
def create_tokens(
    role: Annotated[str, typer.Option(help="grader, student or ci.")],
    subject: Annotated[str | None, typer.Option(help="Who holds it: the student, or the grader.")] = None,
    subjects: Annotated[
        Path | None, typer.Option(help="A file of names, one a line: prints CSV of name and token.")
    ] = None,
    assignment: Annotated[
        list[str] | None, typer.Option(help="Id of an assignment that it opens; repeat for several.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Lifetime such as 30d, 12h, 8w; else for good.")] = None,
    database_url: _TokenDatabase = None,
) -> None:
    """Make a token and print it, this once: only a digest is kept."""
    if (subject is None) == (subjects is None):
        _refuse("expected one of --subject NAME and --subjects FILE")
    with _open_repository(database_url) as repository:
        from api.service import utc_now  # loads FastAPI
        from api.services.tokens import issue, read_token_request
        from verifier.problem.errors import MalformedSubmission
        from verifier.report.wording import spreadsheet_cell

        names = [subject] if subject is not None else _read_names(subjects)
        try:
            request = read_token_request(repository.assignments, role, names, assignment or [], expires)
        except MalformedSubmission as error:
            _refuse(str(error))
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
    with _open_repository(database_url) as repository:
        from api.service import utc_now  # loads FastAPI

        moment = utc_now()
        for token in repository.tokens.list():
            made, opens = f"{token.created:%Y-%m-%d}", ",".join(sorted(token.assignments)) or "-"
            state = _token_state(token, moment)
            typer.echo(f"{token.id}  {token.role:7}  {state:18}  made {made}  {token.subject}  {opens}")


@_token_commands.command(name="revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="As `token list` shows it; the token's own middle part.")],
    database_url: _TokenDatabase = None,
) -> None:
    """Revoke a token: it opens nothing from now on."""
    with _open_repository(database_url) as repository:
        from api.service import utc_now  # loads FastAPI

        if "\0" in token_id or not repository.tokens.revoke(token_id, utc_now()):
            _refuse(f"expected the id of a token, as gradjury token list shows it, got {token_id[:60]!r}")


def _refuse(message: str) -> NoReturn:
    """Print a message to stderr and exit with status 2."""
    typer.echo(message, err=True)
    raise typer.Exit(int(ExitStatus.MALFORMED))


def _refuse_missing(error: ModuleNotFoundError) -> NoReturn:
    _refuse(
        f"the service needs packages that are not installed ({error.name}): pip install 'gradjury[service]'"
    )


@contextmanager
def _open_repository(url: str | None) -> "Iterator[Repository]":
    try:
        from alembic.util import CommandError  # needs gradjury[service]
        from pydantic import ValidationError
        from sqlalchemy.exc import SQLAlchemyError

        from api.settings import Settings
        from api.storage.database import UnusableDatabaseError, open_repository
    except ModuleNotFoundError as error:
        _refuse_missing(error)
    try:
        settings = Settings() if url is None else Settings(database_url=url)
    except ValidationError as error:
        names = ", ".join("GRADJURY_" + str(item["loc"][0]).upper() for item in error.errors())
        _refuse(f"not a value that it may have: {names}")
    try:
        repository = open_repository(settings.database_url)
    except UnusableDatabaseError as error:
        _refuse(str(error))
    except CommandError:  # it does not know the revision of the tables
        _refuse(
            "the tables of the database are of a newer release; install that one (pip install --upgrade "
            "'gradjury[service]'), or take a backup from before the upgrade"
        )
    except SQLAlchemyError as error:
        _refuse(_database_trouble(settings.database_url, error))
    try:
        yield repository
    finally:
        repository.close()


def _database_trouble(url: str, error: Exception) -> str:
    """Return why a database cannot be opened, and a remedy. The error itself may hold the password."""
    from sqlalchemy import make_url  # needs gradjury[service]

    parsed, text = make_url(url), str(error)
    if parsed.get_backend_name() == "sqlite":
        file = Path(str(parsed.database))
        if "locked" in text:
            return f"{file} is in use by another process; end that one, or name another file"
        if "not a database" in text or "malformed" in text:
            return f"{file} is no SQLite database, or a damaged one; name another file, or restore a backup"
        kind = "is a folder" if file.is_dir() else "cannot be opened"
        return f"{file} {kind}; name a file in a folder that you may write to: --database-url sqlite:///FILE"
    server = f"{parsed.host or 'this machine'}, port {parsed.port or 5432}"
    if "authentication" in text or "no password supplied" in text:
        return f"the database server at {server} refuses the user or the password; see --database-url"
    if "does not exist" in text:
        return f"the database server at {server} has no database {parsed.database!r}; create it (createdb)"
    return (
        f"the database server at {server} cannot be reached ({type(error).__name__}); start it, or see "
        "--database-url"
    )


def _read_names(file: Path | None) -> list[str]:
    assert file is not None
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        _refuse(f"{file}: {getattr(error, 'strerror', None) or 'expected UTF-8 text, a name a line'}")
    return [line.strip() for line in lines if line.strip()]


def _token_state(token: "Token", moment: "datetime") -> str:
    if token.revoked is not None:
        return "revoked"
    if token.expires is None:
        return "valid"
    return f"{'until' if token.valid_at(moment) else 'expired'} {token.expires:%Y-%m-%d}"
