"""Run the service with uvicorn (`gradjury serve`)."""

import ipaddress
import json
import os
import resource
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

from api.http.connections import Connection
from api.settings import read_settings

_BACKLOG = 128  # connections that the system accepts before the service sees them
_OTHER_FILES = 200  # open files of the database, the processes and the backlog
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
    settings = read_settings()
    most = allowed_connections(settings.most_connections)
    if most < settings.most_connections:
        os.environ["GRADJURY_MOST_CONNECTIONS"] = str(most)
        typer.echo(f"at most {most} connections: the system allows no more open files (ulimit -n)", err=True)
    with ExitStack() as stack:
        if workers > 1:  # divide the judging processes among the servers, and add up their metrics
            os.environ.setdefault("GRADJURY_PROCESSES", str(max(1, settings.processes // workers)))
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
            http=HttpConnection,
            ws="none",
            access_log=False,
            root_path=settings.root_path,
            backlog=_BACKLOG,
            forwarded_allow_ips=trusted_proxies(os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")),
            timeout_graceful_shutdown=settings.stopping_seconds,
        )


def _page_url(host: str, port: int) -> str:
    """Return the URL of the page for a browser on this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


class ProblemProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a problem document for bytes that are no HTTP request."""

    def send_400_response(self, msg: str) -> None:
        self.app_state["connection"].discard_body()
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


class HttpConnection(Connection):
    """A connection whose requests uvicorn parses."""

    http = ProblemProtocol


def trusted_proxies(addresses: str) -> str:
    """Return addresses and networks, separated by commas, with those of IPv4 also as IPv6 sockets show them.

    A service that listens on `::` sees the IPv4 address 127.0.0.1 as ::ffff:127.0.0.1.
    """
    items = [item.strip() for item in addresses.split(",") if item.strip()]
    mapped = []
    for item in items:
        try:
            network = ipaddress.ip_network(item)
        except ValueError:  # "*", or the name of a socket
            continue
        if network.version == 4:
            mapped.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return ",".join([*items, *mapped])


def allowed_connections(connections: int) -> int:
    """Raise the limit on open files as far as so many connections need it; return how many can be had."""
    needed = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return connections
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    return max(1, allowed - _OTHER_FILES)


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
