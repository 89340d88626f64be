"""Measure the cost of requests that stay incomplete: heads, bodies, and answers that nobody reads.

    python -m benchmarks.attacks.half_sent

A3 and A4 of the review: 1,100 half-sent heads shut everybody out, 40 half-sent bodies took 2.8 GB.
"""

import json
import socket
import sys
from contextlib import suppress
from time import monotonic, sleep

from benchmarks.support.attacking import (
    Table,
    answer_of,
    close_all,
    connect,
    flood,
    head,
    live,
    log_lines,
    memory,
    request,
    seconds_until_closed,
    submit,
    wait_for_memory,
    watching,
)
from benchmarks.support.service import EXAMPLE, RunningService, running_service

_IDLE = 10  # seconds
_MIB = 2**20
_MOST_GROWN = 200  # MiB: a caller's bodies may have a quarter of 512


def main() -> int:
    table = Table("half_sent: requests that never become whole")
    with running_service(idle_seconds=_IDLE, processes=1) as service:
        _heads(service, table)
        _single(service, table)
    with running_service(idle_seconds=_IDLE, processes=1) as service:
        _bodies(service, table)
        _readers(service, table)
    return table.end()


def _heads(service: RunningService, table: Table) -> None:
    connections = []
    with watching(service, submit) as student:
        for _ in range(1100):
            with suppress(OSError):
                connections.append(connect(service.port, b"GET / HTTP/1.1\r\nhost: x\r\nx-a: "))
        sleep(3)
    lines = log_lines(service, "too many connections")
    table.row(
        "1,100 half-sent heads (A3)", f"student: {student}; {lines} lines in the log", student.well(5.0)
    )
    closed = max(seconds_until_closed(each, 2 * _IDLE) for each in connections[-5:])
    table.row("    the last of them", f"closed after {closed:.0f} s", closed < 2 * _IDLE)
    close_all(connections)
    for name, payload in (
        ("1,100 connections that send nothing", b""),
        ("1,100 that asked once and stay", b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("1,100 that drip a body (1 byte)", head("POST", "/v1/checks", {}, 1000) + b"{"),
        ("1,100 that wait for 100 Continue", head("POST", "/v1/checks", {"expect": "100-continue"}, 1000)),
    ):
        connections = []
        with watching(service, submit) as student:
            for _ in range(1100):
                with suppress(OSError):
                    connections.append(connect(service.port, payload))
            sleep(2)
        close_all(connections)
        table.row(name, f"student: {student}", student.well(5.0))


def _single(service: RunningService, table: Table) -> None:
    """Send one odd request after another."""
    flood_of_headers = b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 200_000
    pipelined = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n" * 5000
    with watching(service, live, pause=0.05) as others:
        connection = connect(service.port)
        flood(connection, iter([flood_of_headers]))
        status = answer_of(connection, 20)[0]
    table.row("200,000 headers", f"{status}; others {others}", status in (0, 400, 431) and others.well(2.0))
    with watching(service, live, pause=0.05) as others:
        connection = connect(service.port)
        connection.settimeout(5)
        with suppress(OSError):
            connection.sendall(pipelined)
        connection.close()
        sleep(1)
    table.row("5,000 requests at once on one connection", f"others {others}", others.well(2.0))
    connection = connect(service.port, head("POST", "/v1/checks", {}, 1000))
    begun = monotonic()
    status = 0
    with suppress(OSError):
        for _ in range(3 * _IDLE):
            connection.sendall(b" ")
            connection.settimeout(1.0)
            with suppress(TimeoutError):
                status = answer_of(connection, 1.0)[0]
            if status:
                break
    table.row("a byte of a body a second", f"{status} after {monotonic() - begun:.0f} s", status == 408)
    lies = head("POST", "/v1/checks", {"content-length": "9" * 5000}, 5) + b"{}"
    status = answer_of(connect(service.port, lies))[0]
    table.row("a length of 5,000 digits", str(status), status in (400, 413))
    halves = []
    with watching(service, submit) as student:
        for _ in range(300):
            halves.append(connect(service.port, request("POST", "/v1/checks", {}, EXAMPLE)))
            halves[-1].shutdown(socket.SHUT_WR)
        sleep(1)
    close_all(halves)
    table.row("300 requests, each with its end closed", f"student: {student}", student.well(5.0))


def _bodies(service: RunningService, table: Table) -> None:
    for _ in range(30):
        submit(service)
    before = memory(service)
    size, connections, highest = 64 * _MIB, [], 0.0
    with watching(service, submit) as student:
        for _ in range(40):
            connection = connect(service.port, head("POST", "/v1/checks", {}, size))
            flood(connection, (bytes(_MIB) for _ in range(63)))
            connections.append(connection)
            highest = max(highest, memory(service))
    seen = f"memory {before:.0f}, at most {highest:.0f} MiB; student: {student}"
    well = highest < before + _MOST_GROWN and student.well(5.0)
    table.row("40 half-sent bodies of 64 MiB (A4)", seen, well)
    close_all(connections)
    after = wait_for_memory(service, 1.1 * before)
    seen = f"{after:.0f} MiB ({after / before - 1:+.1%})"
    table.row("    memory when they have left", seen, after <= 1.1 * before)
    whole = json.dumps({"inputs": [[0] * 100] * 100_000}).encode()  # 30 MB that are no submission
    with watching(service, submit) as student:
        statuses = {
            answer_of(connect(service.port, head("POST", "/v1/checks", {}, len(whole)) + whole))[0]
            for _ in range(5)
        }
    after = wait_for_memory(service, 1.1 * before)
    seen = f"{sorted(statuses)}, {after:.0f} MiB ({after / before - 1:+.1%}); student: {student}"
    table.row("5 whole bodies of 30 MB", seen, after <= 1.1 * before and student.well(5.0))


def _readers(service: RunningService, table: Table) -> None:
    """Ask for answers, and do not read them."""
    before = memory(service)
    many = b"".join(
        request("POST", "/v1/checks?entries=all", {"accept": "text/html"}, EXAMPLE) for _ in range(20)
    )
    connections = [connect(service.port) for _ in range(50)]
    with watching(service, submit) as student:
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(2.0)
            with suppress(OSError):
                connection.sendall(many)
        sleep(2 * _IDLE)
    grown = memory(service) - before
    seen = f"{log_lines(service, 'was not read')} closed, {grown:+.0f} MiB; student: {student}"
    table.row("50 clients that never read their answers", seen, grown < _MOST_GROWN and student.well(5.0))
    close_all(connections)
    after = wait_for_memory(service, 1.1 * before)
    seen = f"{after:.0f} MiB ({after / before - 1:+.1%})"
    table.row("    memory when they have left", seen, after <= 1.1 * before)


if __name__ == "__main__":
    sys.exit(main())
