"""`gradjury serve` and `gradjury worker`."""

import os
from typing import Annotated

import typer

from api.command_line.opening import open_repository, refuse_missing
from verifier.cli import main as cli


@cli.app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer requests.")] = 1,
    database_url: Annotated[
        str | None, typer.Option(help="sqlite:///FILE or postgresql://… (default: GRADJURY_DATABASE_URL).")
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option(help="Path under which a proxy offers the service: /gradjury; GRADJURY_ROOT_PATH."),
    ] = None,
    worker: Annotated[
        bool | None,
        typer.Option(
            "--worker/--no-worker",
            help="Judge batches in these processes, too (default: GRADJURY_WORKER, or yes).",
        ),
    ] = None,
) -> None:
    """Run the HTTP service until interrupted.

    Settings are environment variables: see gradjury config.
    """
    try:
        from api.server import run_service  # needs gradjury[service]
    except ModuleNotFoundError as error:
        refuse_missing(error)
    if root_path is not None:
        os.environ["GRADJURY_ROOT_PATH"] = root_path
    with open_repository(database_url, creates=True):  # in the server its errors would be tracebacks
        pass
    run_service(host, port, workers, database_url, worker)


@cli.app.command()
def worker(
    name: Annotated[str | None, typer.Option(help="Worker name (default: host name).")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Database of the service (default: GRADJURY_DATABASE_URL).")
    ] = None,
) -> None:
    """Judge batches until interrupted, beside the service or on another machine."""
    try:
        from api.batches.worker import run_batch_worker  # needs gradjury[service]
    except ModuleNotFoundError as error:
        refuse_missing(error)
    with open_repository(database_url):
        pass
    run_batch_worker(name, database_url)
