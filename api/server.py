"""Run the service with uvicorn (`gradjury serve`)."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread
from types import FrameType

import h11
import typer
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.settings import Settings

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run_service(host: str, port: int, workers: int, database_url: str | None, worker: bool | None) -> None:
    """Answer requests until interrupted.

    workers: the number of processes; they share the database. worker: whether they judge batches, too.
    """
    if database_url is not None:
        os.environ["GRADJURY_DATABASE_URL"] = database_url
    if worker is not None:
        os.environ["GRADJURY_WORKER"] = str(worker).lower()
    os.environ.setdefault("GRADJURY_WORKER", "true")
    with ExitStack() as stack:
        if workers > 1:  # divide the judging processes among the servers, and add up their metrics
            os.environ.setdefault("GRADJURY_PROCESSES", str(max(1, Settings().processes // workers)))
            folder = stack.enter_context(TemporaryDirectory(prefix="gradjury-metrics-"))
            os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)
        if port:  # with port 0, uvicorn prints the port that it gets
            typer.echo(f"GradJury's page will be at {_page_url(host, port)}")
        uvicorn.run(
            "api.app:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            http=ProblemProtocol,
            access_log=False,
        )


def _page_url(host: str, port: int) -> str:
    """Return the URL of the page for a browser on this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


class ProblemProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a problem document for bytes that are no HTTP request."""

    def send_400_response(self, msg: str) -> None:
        status = HTTPStatus.BAD_REQUEST
        document = {"type": "about:blank", "title": status.phrase, "status": status, "detail": msg}
        body = json.dumps(document).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        reason = status.phrase.encode()
        for event in (
            h11.Response(status_code=status, headers=headers, reason=reason),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


@contextmanager
def on_shutdown_signal(callback: Callable[[], None]) -> Iterator[None]:
    """Call `callback` at SIGTERM or SIGINT, before the server's own handler waits for open responses."""
    if current_thread() is not main_thread():  # only the main thread can set signal handlers
        yield
        return
    previous = {number: signal.getsignal(number) for number in _SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        callback()
        handler = previous[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        elif handler is signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for number in _SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
