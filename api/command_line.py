"""The whole command line: the verifier's commands, and those of the service."""

from pathlib import Path
from typing import Annotated

import typer

from api import token_commands
from api.refusing import refuse, refuse_missing
from verifier import cli

cli.app.add_typer(token_commands.app, name="token")


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
        from api.server import run_service
    except ModuleNotFoundError as error:
        refuse_missing(error)
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
        from sqlalchemy.exc import OperationalError

        from api.batches.worker_process import run_worker
        from api.storage.database import UnusableDatabaseError
    except ModuleNotFoundError as error:
        refuse_missing(error)
    try:
        run_worker(name, database_url)
    except UnusableDatabaseError as error:
        refuse(str(error))
    except OperationalError as error:
        refuse(f"the database cannot be used: {error.orig}")


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
        from api.report_verification import verify_files
    except ModuleNotFoundError as error:
        refuse_missing(error)
    raise typer.Exit(int(verify_files(file, keys, output)))


def main() -> None:
    """Run the command line; an unforeseen error is one line and exit status 4."""
    cli.main()
