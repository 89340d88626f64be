"""Does the service end within its grace period, whatever is open?

    python -m benchmarks.attacks.stopping

A5 of the review: one half-sent body kept a service from ending for as long as it stayed.
"""

import os
import signal
import sys
from collections.abc import Callable
from socket import socket
from time import monotonic, sleep

from benchmarks.support.attacking import Table, close_all, connect, head, request, slow_document
from benchmarks.support.service import RunningService, running_service

_GRACE = 10  # seconds
_OPEN: dict[str, tuple[int, Callable[[RunningService], bytes]]] = {
    "nothing": (0, lambda _: b""),
    "one half-sent body (A5)": (1, lambda _: head("POST", "/v1/checks", {}, 1000) + b"{"),
    "100 half-sent bodies": (100, lambda _: head("POST", "/v1/checks", {}, 10**6) + b"{" * 1000),
    "100 half-sent heads": (100, lambda _: b"POST /v1/checks HTTP/1.1\r\nhost: x\r\n"),
    "100 answered, whose body goes on": (100, lambda _: head("POST", "/v1/assignments", {}, 10**6) + b"{"),
    "60 slow checks": (60, lambda _: request("POST", "/v1/checks", {}, slow_document())),
    "30 streams of events": (
        30,
        lambda service: (
            b"GET /v1/batches/x/events HTTP/1.1\r\nhost: x\r\n"
            + f"authorization: {service.tokens['grader']['authorization']}\r\n\r\n".encode()
        ),
    ),
}


def main() -> int:
    table = Table(f"stopping: SIGTERM with a grace period of {_GRACE} s")
    for name, (count, payload) in _OPEN.items():
        with running_service(stopping_seconds=_GRACE, processes=1) as service:
            connections: list[socket] = [connect(service.port, payload(service)) for _ in range(count)]
            sleep(1)
            begun = monotonic()
            os.kill(service.process, signal.SIGTERM)
            seconds = _ended(service.process, 60.0) - begun
            tracebacks = service.log.read_text().count("Traceback")
            close_all(connections)
        seen = f"ended after {seconds:.1f} s, {tracebacks} tracebacks"
        table.row(name, seen, seconds < _GRACE + 3 and not tracebacks)
    return table.end()


def _ended(process: int, most: float) -> float:
    """Wait until a child process has ended, which stays until its parent waits for it. Return when."""
    end = monotonic() + most
    while monotonic() < end:
        with open(f"/proc/{process}/stat") as stat:  # noqa: PTH123 -- a file of the kernel
            if stat.read().rpartition(")")[2].split()[0] == "Z":
                break
        sleep(0.05)
    return monotonic()


if __name__ == "__main__":
    sys.exit(main())
