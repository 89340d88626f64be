"""`gradjury serve`: uvicorn with the application of this package."""

import os
from contextlib import ExitStack
from tempfile import TemporaryDirectory

import typer
import uvicorn

from api.http_protocol import ProblemProtocol
from api.settings import Settings


def run_service(host: str, port: int, workers: int, database_url: str | None, worker: bool | None) -> None:
    """Answer requests until interrupted; several processes share one database."""
    if database_url is not None:
        os.environ["GRADJURY_DATABASE_URL"] = database_url
    if worker is not None:
        os.environ["GRADJURY_WORKER"] = str(worker).lower()
    os.environ.setdefault("GRADJURY_WORKER", "true")
    with ExitStack() as shared:
        if (
            workers > 1
        ):  # the judging processes are shared out among those that answer, their counts are joined
            os.environ.setdefault("GRADJURY_PROCESSES", str(max(1, Settings().processes // workers)))
            counts = shared.enter_context(TemporaryDirectory(prefix="gradjury-metrics-"))
            os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", counts)
        if port:  # else uvicorn says which one it was given
            typer.echo(f"GradJury's page will be at {_address(host, port)}")
        uvicorn.run(
            "api.app:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            http=ProblemProtocol,
            access_log=False,
        )


def _address(host: str, port: int) -> str:
    """Give what to open in a browser of this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"
