"""Send requests that never end, or that end in two places.

    python -m benchmarks.attacks.framing [PART OF A ROW'S NAME]

While each attack runs, a student submits again and again, and must be answered within 5 s.
"""

import re
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from itertools import repeat
from time import monotonic

from benchmarks.support.attacking import (
    Attack,
    answer_of,
    attack_each,
    connect,
    counted,
    flood,
    head,
    memory,
)
from benchmarks.support.service import RunningService


def main() -> int:
    return attack_each("framing: where requests end", _ATTACKS)


def _pipelined(service: RunningService) -> tuple[str, bool]:
    """Send 200,000 requests on one connection, and read no answer."""
    before = memory(service)
    one = b"GET /v1/catalogue HTTP/1.1\r\nhost: x\r\n\r\n"
    connection = connect(service.port)
    connection.settimeout(1.0)
    sent, most, end = 0, 0.0, monotonic() + 15
    while sent < 200_000 and monotonic() < end:
        try:
            connection.sendall(one * 500)
        except OSError:
            break
        sent += 500
        most = max(most, memory(service) - before)
    most = max(most, memory(service) - before)
    connection.close()
    return f"{sent} taken, {most:+.0f} MiB", most < 60


def _extensions(service: RunningService) -> tuple[str, bool]:
    """Send chunks with endless extensions, endless trailers, and an endless line of a head."""
    before, answers = memory(service), []
    for name, first, piece in (
        ("extension", head("POST", "/v1/checks", {}, None) + b"1;", b"a" * 2**16),
        ("trailers", head("POST", "/v1/checks", {}, None) + b"1\r\n{\r\n0\r\n", b"a: b\r\n" * 10_000),
        ("head", b"GET / HTTP/1.1\r\nx: ", b"a" * 2**16),
        ("line", b"GET /", b"a" * 2**16),
        ("size", head("POST", "/v1/checks", {}, None), b"0" * 2**16),
        ("empty lines", b"", b"\r\n" * 2**15),
    ):
        connection = connect(service.port, first)
        sent = flood(connection, repeat(piece, 1_600))
        answers.append((name, answer_of(connection, 10)[0], sent))
        connection.close()
    grown = memory(service) - before
    taken = max(sent for _, _, sent in answers)
    shown = ", ".join(f"{name} {status or 'closed'}" for name, status, _ in answers)
    seen = f"{shown}; at most {taken / 1e6:.0f} MB taken, {grown:+.0f} MiB"
    return seen, grown < 60 and taken < 60e6


def _lengths(service: RunningService) -> tuple[str, bool]:
    """Put a second request where a length or a coding says that a body ends."""
    body = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"
    forms = (
        b"content-length: 0\r\ncontent-length: 35\r\n",
        b"content-length: 35\r\ntransfer-encoding: chunked\r\n",
        b"content-length: 35\r\ntransfer-encoding: identity\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        b"transfer-encoding : chunked\r\n",
        b"transfer-encoding:\x0bchunked\r\n",
        b"content-length: 0x23\r\n",
        b"content-length: 1 5\r\n",
        b"content-length: 35\r\nx: y\rz\r\n",
        b"content-length: 99\r\nexpect: 100-continue\r\n",
        b"content-length: 0, 35\r\n",
        b"content-length: 35\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n",
        b"content-length: 35\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: x\r\n",
    )
    smuggled, statuses = [], Counter[int]()
    for form in forms:
        raw = b"POST /v1/batches HTTP/1.1\r\nhost: x\r\n" + form + b"\r\n" + body
        with connect(service.port, raw) as connection:
            connection.settimeout(3.0)
            received = b""
            with suppress(OSError):
                while data := connection.recv(2**16):
                    received += data
        answers = re.findall(rb"HTTP/1\.1 (\d+)", received)
        statuses.update(int(status) for status in answers)
        if b"python_info" in received or (
            b"# HELP" in received and b"content-length: 0\r\n" not in form and b"upgrade" not in form
        ):
            smuggled.append(form)
    return f"{counted(statuses)}; smuggled by {smuggled}", not smuggled and max(statuses) < 500


_ATTACKS: Mapping[str, tuple[Attack, Mapping[str, object]]] = {
    "200,000 requests on one connection, no answer read": (_pipelined, {}),
    "endless extensions, trailers, heads and lines": (_extensions, {}),
    "a request behind the end of a body, 13 forms": (_lengths, {}),
}


if __name__ == "__main__":
    sys.exit(main())
