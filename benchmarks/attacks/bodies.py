"""How much of a body does an entrance take, and how long does it hold the others?

    python -m benchmarks.attacks.bodies

A1 of the review: POST /evaluate took 600 MB without a token where 1 MB was the limit. Every operation of the
OpenAPI document is sent a body of 64 MiB, by every role, of a known length and in chunks.
"""

import sys
from collections.abc import Iterator
from itertools import repeat
from time import sleep

from benchmarks.support.attacking import (
    Table,
    answer_of,
    chunk,
    connect,
    flood,
    head,
    live,
    memory,
    seconds_until_closed,
    watching,
)
from benchmarks.support.requesting import operations
from benchmarks.support.service import RunningService, running_service

_LARGEST = 2**20
_PIECE = 2**16
_SENT = 64 * 2**20
_FORM = {"content-type": "multipart/form-data; boundary=b", "origin": "http://x"}
_FORMS = ("/", "/login", "/logout", "/assignments", "/assignments/{assignment_id}/submissions", "/batches")


def main() -> int:
    table = Table("bodies: what an entrance takes of a body of 64 MiB where 1 MiB is the limit")
    settings = {"largest_body": _LARGEST, "largest_batch": _LARGEST, "processes": 1}
    with running_service(**settings) as service:
        before = memory(service)
        with watching(service, live) as others:
            for role in service.tokens:
                _every_entrance(service, table, role)
        table.row("others meanwhile (GET /health/live)", str(others), others.well(2.0))
        grown = memory(service) - before
        table.row("memory afterwards", f"{before:.0f} MiB, {grown:+.0f}", grown < 50)
    with running_service(processes=1) as service:
        _hold_the_loop(service, table)
    return table.end()


def _every_entrance(service: RunningService, table: Table, role: str) -> None:
    calls = [(method, path, dict(service.tokens[role])) for method, path in operations(service)]
    if role == "none":
        calls += [("POST", path.format(**service.ids), dict(_FORM)) for path in _FORMS]
    statuses, most = set(), 0
    for method, path, headers in calls:
        kind = {"content-type": "application/x-ndjson"} if path == "/v1/batches" else {}
        for length in (_SENT, None):
            before = memory(service)
            connection = connect(service.port, head(method, path, kind | headers, length))
            piece = b"[" * _PIECE if length else chunk(b"[" * _PIECE)
            flood(connection, repeat(piece, _SENT // _PIECE))
            statuses.add(answer_of(connection)[0])
            connection.close()
            most = max(most, int(memory(service) - before))
    seen = f"{2 * len(calls)} requests, statuses {sorted(statuses)}, memory at most {most:+} MiB each"
    table.row(f"every entrance, {role}", seen, max(statuses) < 500 and 0 not in statuses and most < 50)


def _hold_the_loop(service: RunningService, table: Table) -> None:
    """Send bodies that take long to parse, and see how long everybody else waits."""
    tiny = chunk(b" ") * 1000
    form = (
        b'--b\r\ncontent-disposition: form-data; name="text"\r\n\r\n' + b"\r\n-" * 10_000_000 + b"\r\n--b--"
    )
    bodies: dict[str, tuple[str, dict[str, str], int | None, Iterator[bytes]]] = {
        "25 MB of {} to /evaluate (A1)": (
            "/evaluate",
            {},
            25_000_002,
            iter([b"[", b"{}," * 8_333_333, b"0]"]),
        ),
        "25 MB of {} to /v1/checks": ("/v1/checks", {}, 25_000_002, iter([b"[", b"{}," * 8_333_333, b"0]"])),
        "60 MB of [ to /evaluate": ("/evaluate", {}, 60_000_000, repeat(b"[" * 60_000, 1000)),
        "a form of 30 MB of line breaks to /": ("/", _FORM, len(form), iter([form])),
        "chunks of one byte to /v1/checks": ("/v1/checks", {}, None, repeat(tiny, 4000)),
    }
    for name, (path, headers, length, pieces) in bodies.items():
        with watching(service, live, pause=0.02) as others:
            connection = connect(service.port, head("POST", path, headers, length))
            sent = flood(connection, pieces)
            status = answer_of(connection)[0]
            connection.close()
            sleep(0.5)
        seen = f"{status or 'closed'} after {sent / 1e6:.0f} MB; others {others}"
        table.row(name, seen, status < 500 and others.well(3.0))
    grader = dict(service.tokens["grader"])
    with watching(service, live, pause=0.02) as others:
        body = b'{"title": "' + b"x" * 10 + b'", "problem": [' + b"{}," * 8_000_000 + b"0]}"
        connection = connect(service.port, head("POST", "/v1/assignments", grader, len(body)))
        flood(connection, iter([body]))
        status = answer_of(connection)[0]
    table.row("an assignment of 24 MB of {}", f"{status}; others {others}", others.well(3.0))
    connection = connect(service.port, head("POST", "/v1/assignments", {}, None))
    assert answer_of(connection)[0] == 401
    flood(connection, repeat(chunk(bytes(100)), 10))
    closed = seconds_until_closed(connection, 30)
    table.row("a body that goes on after its 401", f"closed after {closed:.0f} s", closed < 15)


if __name__ == "__main__":
    sys.exit(main())
