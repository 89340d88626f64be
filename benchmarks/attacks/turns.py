"""Does one caller make others wait? Floods of slow work, abandoned or not, and a student meanwhile.

    python -m benchmarks.attacks.turns [SECONDS]

Two judging processes; a slow submission takes seconds. A student's answer must come within 5 s.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, sleep

from benchmarks.support.attacking import (
    Table,
    answer_of,
    close_all,
    connect,
    get,
    head,
    request,
    slow_document,
    submit,
    watching,
)
from benchmarks.support.service import RunningService, running_service

_MOST = 5.0  # seconds of a student's answer
_SETTINGS = {"processes": 2}


@contextmanager
def _flood(service: RunningService, count: int, headers: Mapping[str, str], leave: bool) -> Iterator[None]:
    """Send slow submissions on a connection each; the senders leave at once, or wait until the end."""
    whole = request("POST", "/v1/checks", headers, slow_document())
    connections = [connect(service.port, whole) for _ in range(count)]
    if leave:
        close_all(connections)
    try:
        yield
    finally:
        close_all(connections)


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    table = Table("turns: a student's submission while others flood the service")
    with running_service(**_SETTINGS) as service:
        for name, count, role, leave in (
            ("300 anonymous slow checks, connections closed (A2)", 300, "none", True),
            ("300 anonymous slow checks, connections open", 300, "none", False),
            ("300 slow checks of one ci token, connections open", 300, "ci", False),
        ):
            with (
                _flood(service, count, service.tokens[role], leave),
                watching(service, submit) as student,
                watching(service, get("/health/ready")) as ready,
            ):
                sleep(seconds)
            table.row(name, f"student: {student}", student.well(_MOST))
            table.row("    readiness meanwhile", str(ready), ready.well(_MOST))
            sleep(3)
        with (
            _flood(service, 60, service.tokens["none"], leave=False),
            _flood(service, 60, service.tokens["ci"], leave=False),
            watching(service, submit) as student,
        ):
            sleep(seconds)
        table.row("60 anonymous and 60 of a ci token at once", f"student: {student}", student.well(_MOST))
        _churn(service, table)
    with running_service(**_SETTINGS) as service:
        _proxy(service, table, seconds)
    with running_service(**_SETTINGS) as service:
        _batch(service, table, seconds)
    return table.end()


def _churn(service: RunningService, table: Table) -> None:
    """Start slow work and leave before its end, again and again."""
    whole = request("POST", "/v1/checks", {}, slow_document())
    with watching(service, submit) as student:
        for _ in range(40):
            connection = connect(service.port, whole)
            sleep(0.1)
            connection.close()
    table.row("40 slow checks, each left while it is judged", f"student: {student}", student.well(_MOST))


def _proxy(service: RunningService, table: Table, seconds: float) -> None:
    """Flood from 300 addresses, as a proxy on this machine names them."""
    document = slow_document()
    networks = [{"x-forwarded-for": f"2001:db8:{number:x}::1"} for number in range(300)]
    connections = [
        connect(service.port, request("POST", "/v1/checks", network, document)) for network in networks
    ]
    with watching(service, submit) as student:
        sleep(seconds)
    close_all(connections)
    table.row("300 anonymous slow checks from 300 networks", f"student: {student}", student.well(_MOST))


def _batch(service: RunningService, table: Table, seconds: float) -> None:
    """Send a batch of slow items, and meanwhile submit, and send another's batch of one."""
    line = json.dumps(slow_document(), separators=(",", ":"))
    lines = "\n".join([line] * 200)
    kind = {"content-type": "application/x-ndjson"}
    ci, grader = ({**service.tokens[role], **kind} for role in ("ci", "grader"))
    whole = head("POST", "/v1/batches", ci, len(lines)) + lines.encode()
    assert answer_of(connect(service.port, whole))[0] == 202
    sleep(5)
    with watching(service, submit) as student:
        sleep(seconds)
    table.row("a ci batch of 200 slow items (A9)", f"student: {student}", student.well(_MOST))
    one = head("POST", "/v1/batches", grader, len(line)) + line.encode()
    status, answer = answer_of(connect(service.port, one))
    assert status == 202
    location = re.search(rb"location: (\S+)", answer)
    assert location is not None
    begun, state = monotonic(), ""
    while state != "finished" and monotonic() - begun < 120:
        sleep(0.5)
        state = get(location[1].decode(), "grader")(service)[1]["state"]
    waited = monotonic() - begun
    table.row("    a grader's batch of one behind it", f"{state} after {waited:.0f} s", waited < 60)


if __name__ == "__main__":
    sys.exit(main())
