"""Can a caller use up what all share: threads, processes, descriptors, the disk, the parser of a connection?

    python -m benchmarks.attacks.exhaustion [PART OF A ROW'S NAME]

While each attack runs, a student submits again and again, and must be answered within 5 s.
"""

import json
import os
import re
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from itertools import repeat
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import numpy as np

from api.service import new_id, utc_now
from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import BatchItem, ItemState, Role, StoredBatch
from benchmarks.support.attacking import (
    Table,
    Watched,
    answer_of,
    close_all,
    connect,
    flood,
    get,
    head,
    live,
    memory,
    once,
    request,
    slow_document,
    submit,
    watching,
)
from benchmarks.support.service import (
    ASSIGNMENT,
    EXAMPLE,
    RunningService,
    request_json,
    resident_memory,
    running_service,
)

_MOST = 5.0  # seconds of a student's answer
_CROWD = 40  # threads of a service
_FORM = {"content-type": "multipart/form-data; boundary=b", "origin": "http://x"}
Seen = tuple[str, bool]


def main() -> int:
    table = Table("exhaustion: what all share")
    chosen = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, (attack, settings) in ((name, row) for name, row in _ATTACKS.items() if chosen in name):
        with running_service(**({"processes": 1} | settings)) as service:
            _settle(service)
            before = _descriptors(service)
            with watching(service, submit) as student:
                seen, well = attack(service)
            sleep(3)
            after = _descriptors(service)
        grown = after - before
        table.row(
            name,
            f"{seen}; student: {student}; descriptors {grown:+}",
            well and student.well(_MOST) and grown < 30,
        )
    return table.end()


def _settle(service: RunningService) -> None:
    for _ in range(3):
        submit(service)


def _forms(service: RunningService) -> Seen:
    """Send forms that take long to parse, as many at once as the service has threads."""
    part = b'--b\r\ncontent-disposition: form-data; name="text"\r\n\r\n'
    body = part + b"\r\n-" * 1_000_000 + b"\r\n--b--"
    whole = head("POST", "/", _FORM, len(body)) + body
    return _crowd(service, lambda: whole, _CROWD, {400, 413, 422, 429, 503})


def _many_parts(service: RunningService) -> Seen:
    """Send forms of many parts and of long heads of parts."""
    part = b'--b\r\ncontent-disposition: form-data; name="text"\r\n' + b"x: y\r\n" * 100_000 + b"\r\n1\r\n"
    body = part * 4 + b"--b--"
    whole = head("POST", "/", _FORM, len(body)) + body
    return _crowd(service, lambda: whole, _CROWD, {400, 403, 413, 422, 429, 503})


def _rendered(service: RunningService) -> Seen:
    """Ask for a stored report of 120 parameters as HTML, as often at once as there are threads."""
    report = _wide_report(service)
    heads = {**service.tokens["ci"], "accept": "text/html"}
    whole = head("GET", f"/v1/reports/{report}", heads, 0)
    return _crowd(service, lambda: whole, _CROWD, {200, 429, 503})


def _wide_report(service: RunningService) -> str:
    """Return the id of a report of 60 layers, made by a batch."""
    layers = 60
    weights = {f"layers.{n}.weight": [[0.5]] for n in range(layers)} | {
        f"layers.{n}.bias": [0.1] for n in range(layers)
    }
    document = {
        "network": {"layers": [{"in": 1, "out": 1, "activation": "tanh"}] * layers},
        "loss": "mse",
        "parameters": weights,
        "gradients": {name: np.zeros_like(value).tolist() for name, value in weights.items()},
        "inputs": [[1.0]],
        "targets": [[0.0]],
    }
    headers = {**service.tokens["ci"], "content-type": "application/x-ndjson"}
    line = json.dumps(document).encode()
    with connect(service.port, head("POST", "/v1/batches", headers, len(line)) + line) as connection:
        location = re.search(rb"location: (\S+)", answer_of(connection)[1])
    assert location is not None
    end = monotonic() + 120
    while get(location[1].decode(), "ci")(service)[1]["state"] != "finished" and monotonic() < end:
        sleep(0.5)
    answer = _text(service, "GET", f"{location[1].decode()}/reports", dict(service.tokens["ci"]))
    identity = json.loads(answer[1])["id"]
    assert isinstance(identity, str), answer
    return identity


def _lists(service: RunningService) -> Seen:
    """List batches, of which there are a hundred of 5,000 items each."""
    repository = open_repository(f"sqlite:///{service.log.parent / 'gradjury.sqlite'}")
    for _ in range(100):
        batch = StoredBatch(new_id(), "ci:ci", None, 5_000, utc_now())
        item = BatchItem(batch.id, 0, "x", state=ItemState.REFUSED, refusal="no")
        repository.batches.add(batch, [replace(item, index=index) for index in range(5_000)])
    repository.close()
    whole = head("GET", "/v1/batches", service.tokens["ci"], 0)
    return _crowd(service, lambda: whole, 2 * _CROWD, {200, 429, 503})


def _instances(service: RunningService) -> Seen:
    """Read an assignment of one's own numbers, a large one, as often at once as there are threads."""
    layers = [{"in": 300, "out": 300, "activation": "tanh"}] * 5
    random = np.random.default_rng(0)
    parameters = {f"layers.{n}.weight": random.normal(size=(300, 300)).tolist() for n in range(5)}
    parameters |= {f"layers.{n}.bias": [0.0] * 300 for n in range(5)}
    rows = random.normal(size=(100, 300)).tolist()
    problem = {
        "network": {"layers": layers},
        "loss": "mse",
        "parameters": parameters,
        "inputs": rows,
        "targets": rows,
    }
    document = {"problem": problem, "instances": "per_student"}
    grader = service.tokens["grader"]
    status, _, answer = request_json(service.port, "POST", "/v1/assignments", grader, document)
    assert status == 201, answer
    repository = open_repository(f"sqlite:///{service.log.parent / 'gradjury.sqlite'}")
    _, text = issue(repository.tokens, Role.STUDENT, "other", frozenset({answer["id"]}), utc_now(), None)
    repository.close()
    whole = head("GET", f"/v1/assignments/{answer['id']}", {"authorization": f"Bearer {text}"}, 0)
    return _crowd(service, lambda: whole, _CROWD, {200, 429, 503})


def _crowd(service: RunningService, whole: Callable[[], bytes], count: int, allowed: set[int]) -> Seen:
    """Send a request on so many connections at once, and wait for all answers."""
    statuses: Counter[int] = Counter()

    def visit() -> None:
        with suppress(OSError), connect(service.port, whole()) as connection:
            statuses[answer_of(connection)[0]] += 1

    begun = monotonic()
    threads = [Thread(target=visit) for _ in range(count)]
    with watching(service, live, pause=0.02) as others:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    shown = ", ".join(f"{number} × {status}" for status, number in sorted(statuses.items()))
    seen = f"{shown} in {monotonic() - begun:.0f} s; live {others}"
    return seen, set(statuses) <= allowed and others.well(_MOST)


def _pipelined(service: RunningService) -> Seen:
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


def _extensions(service: RunningService) -> Seen:
    """Send chunks with endless extensions, endless trailers, and an endless line of a head."""
    before, seen = memory(service), []
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
        seen.append((name, answer_of(connection, 10)[0], sent))
        connection.close()
    grown = memory(service) - before
    taken = max(sent for _, _, sent in seen)
    shown = ", ".join(f"{name} {status or 'closed'}" for name, status, _ in seen)
    return f"{shown}; at most {taken / 1e6:.0f} MB taken, {grown:+.0f} MiB", grown < 60 and taken < 60e6


def _lengths(service: RunningService) -> Seen:
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
    shown = ", ".join(f"{number} × {status}" for status, number in sorted(statuses.items()))
    return f"{shown}; smuggled by {smuggled}", not smuggled and max(statuses) < 500


def _killed_judges(service: RunningService) -> Seen:
    """Kill the judging process under a caller's slow checks, 20 times: what an input that kills does."""
    whole = request("POST", "/v1/checks", service.tokens["ci"], slow_document())
    connections = [connect(service.port, whole) for _ in range(4)]
    killed, end = 0, monotonic() + 40
    while killed < 20 and monotonic() < end:
        for process in list(_judges(service)):
            if killed < 20 and _is_slow(process):
                with suppress(OSError):
                    os.kill(process, signal.SIGKILL)
                    killed += 1
    statuses = sorted(answer_of(connection, 60)[0] for connection in connections)
    close_all(connections)
    zombies = sum(1 for process in resident_memory(service.process) if _state(process) == "Z")
    return f"{killed} killed, slow ones {statuses}, {zombies} zombies", killed > 5 and not zombies and max(
        statuses
    ) < 500


def _memory_bombs(service: RunningService) -> Seen:
    """Check documents that need more memory than one may use, 20 times, and see whether it is given back."""
    size = 2_000
    nodes: list[dict[str, Any]] = [
        {"name": "row", "op": "reshape", "args": ["W"], "shape": [1, size]},
        {"name": "column", "op": "reshape", "args": ["W"], "shape": [size, 1]},
        {"name": "n0", "op": "multiply", "args": ["row", "column"]},
        {"name": "n1", "op": "exp", "args": ["n0"]},
        {"name": "n2", "op": "log", "args": ["n1"]},
        {"name": "end", "op": "sum", "args": ["n2"]},
    ]
    document = {
        "network": {"nodes": nodes, "output": "end"},
        "parameters": {"W": [0.5] * size},
        "gradients": {"W": [2.0] * size},
    }
    whole = request("POST", "/v1/checks", service.tokens["ci"], document)
    statuses = Counter[int]()
    for _ in range(10):
        with connect(service.port, whole) as connection:
            statuses[answer_of(connection)[0]] += 1
    own = memory(service)
    grown = sum(resident_memory(service.process).values()) / 2**20
    shown = ", ".join(f"{number} × {status}" for status, number in sorted(statuses.items()))
    return f"{shown}; service {own:.0f} MiB, all {grown:.0f} MiB", set(statuses) <= {200, 413} and own < 400


def _event_streams(service: RunningService) -> Seen:
    """Open event streams by the hundred, and open and leave a thousand."""
    headers = {**service.tokens["ci"], "content-type": "application/x-ndjson"}
    line = json.dumps(EXAMPLE).encode()
    lines = b"\n".join([line] * 400)
    with connect(service.port, head("POST", "/v1/batches", headers, len(lines)) + lines) as connection:
        location = re.search(rb"location: (\S+)", answer_of(connection)[1])
    assert location is not None
    stream = head("GET", f"{location[1].decode()}/events", service.tokens["ci"], 0)
    for _ in range(500):
        connect(service.port, stream).close()
    sleep(2)
    connections = [connect(service.port, stream) for _ in range(100)]
    sleep(2)
    statuses = Counter(_status_line(connection) for connection in connections)
    close_all(connections)
    shown = ", ".join(f"{number} × {status}" for status, number in sorted(statuses.items()))
    return f"of 100 at once {shown}", statuses[200] == 32 and statuses[429] == 68


def _status_line(connection: socket.socket) -> int:
    connection.settimeout(10)
    with suppress(OSError):
        words = connection.recv(64).split()
        return int(words[1]) if len(words) > 1 else 0
    return 0


def _disk(service: RunningService) -> Seen:
    """Submit what is refused, repeated and padded, and see what is kept on the disk."""
    path = f"/v1/assignments/{service.ids['assignment_id']}/submissions"
    student = service.tokens["student"]
    start = _bytes_kept(service)
    malformed = b'{"gradients": "' + b"x" * 500_000 + b'"}'
    refused = Counter(_text(service, "POST", path, dict(student), malformed)[0] for _ in range(50))
    bad = _bytes_kept(service) - start
    padded = json.dumps({"gradients": EXAMPLE["gradients"]}).encode() + b" " * 500_000
    kept = Counter(_text(service, "POST", path, dict(student), padded)[0] for _ in range(30))
    good = _bytes_kept(service) - start - bad
    quota = kept[413]
    shown = f"refused {dict(refused)}: {bad / 1e3:.0f} kB; 30 padded {dict(kept)}: {good / 1e3:.0f} kB"
    return f"{shown}; beyond the quota {quota}", bad < 2e6 and good < 4e6 and quota > 0 and set(refused) == {
        422
    }


def _assignments(service: RunningService) -> Seen:
    """Keep 1,000 assignments, and list them."""
    grader = dict(service.tokens["grader"])
    for _ in range(1_000):
        assert request_json(service.port, "POST", "/v1/assignments", grader, ASSIGNMENT)[0] == 201
    crowd = Watched()
    for _ in range(5):
        once(service, get("/v1/assignments", "grader"), crowd)
    cookie = {"cookie": f"gradjury-token={grader['authorization'].split()[1]}"}
    begun = monotonic()
    status, _ = _text(service, "GET", "/assignments", cookie)
    return f"list {crowd}; page {status} {monotonic() - begun:.1f} s", crowd.well(1.0) and status == 200


def _regrades(service: RunningService) -> Seen:
    """Change an assignment and regrade it five times while its student submits 60 times."""
    path = f"/v1/assignments/{service.ids['assignment_id']}"
    grader = dict(service.tokens["grader"])
    statuses = Counter[int]()

    def work() -> None:
        for _ in range(30):
            statuses[submit(service)[0]] += 1

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    changed = Counter[int]()
    for points in range(1, 6):
        changed[request_json(service.port, "PUT", path, grader, {**ASSIGNMENT, "points": points})[0]] += 1
        changed[request_json(service.port, "POST", f"{path}/regrades", grader)[0]] += 1
        sleep(0.3)
    for thread in threads:
        thread.join()
    sleep(1)
    last = request_json(service.port, "POST", f"{path}/regrades", grader)[0]
    end = monotonic() + 60
    while monotonic() < end:
        rows = get(f"{path}/submissions", "grader")(service)[1]
        stale = [row for row in rows if row.get("revision", 0) and row["revision"] != 6]
        if not stale:
            break
        sleep(0.5)
    attempts = sorted(row["attempt"] for row in rows if row["student"] == "student")
    whole = attempts == list(range(1, len(attempts) + 1))
    worths = {row.get("worth") for row in rows if row["revision"] == 6}
    seen = f"{statuses[201]} kept, changes {dict(changed)}, last {last}; {len(stale)} of an earlier revision"
    return seen, whole and statuses[201] == 60 and not stale and worths == {5.0}


def _clock(service: RunningService) -> Seen:
    """Use tokens whose last second passes while they are in use."""
    repository = open_repository(f"sqlite:///{service.log.parent / 'gradjury.sqlite'}")
    opens = frozenset({service.ids["assignment_id"]})
    moment = utc_now() - timedelta(minutes=1) + timedelta(seconds=5)
    _, text = issue(repository.tokens, Role.CI, "ci", opens, moment, timedelta(minutes=1))
    repository.close()
    bearer = {"authorization": f"Bearer {text}"}
    headers = {**bearer, "content-type": "application/x-ndjson"}
    lines = b"\n".join([json.dumps(EXAMPLE).encode()] * 400)
    with connect(service.port, head("POST", "/v1/batches", headers, len(lines)) + lines) as connection:
        answer = answer_of(connection, 20)
    location = re.search(rb"location: (\S+)", answer[1])
    assert location is not None, answer
    stream = connect(service.port, head("GET", f"{location[1].decode()}/events", bearer, 0))
    stream.settimeout(20)
    begun, ended = monotonic(), 20.0
    with suppress(OSError):
        while stream.recv(2**16):
            pass
        ended = monotonic() - begun
    stream.close()
    status = _text(service, "GET", "/v1/batches", bearer)[0]
    return f"stream ends after {ended:.1f} s, then {status}", ended < 12 and status == 401


def _text(
    service: RunningService, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=120)
    connection.request(method, path, body, {"content-type": "application/json", **headers})
    response = connection.getresponse()
    content = response.read().decode(errors="replace")
    connection.close()
    return response.status, content


def _bytes_kept(service: RunningService) -> int:
    return sum(file.stat().st_size for file in service.log.parent.glob("gradjury.sqlite*"))


def _descriptors(service: RunningService) -> int:
    return len(list(Path(f"/proc/{service.process}/fd").iterdir()))


def _judges(service: RunningService) -> Iterator[int]:
    for process in resident_memory(service.process):
        with suppress(OSError):
            words = Path(f"/proc/{process}/cmdline").read_bytes()
            if b"forkserver" in words and _parent(process) != service.process:
                yield process


def _stat(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _state(process: int) -> str:
    with suppress(OSError):
        return _stat(process)[0]
    return ""


def _parent(process: int) -> int:
    return int(_stat(process)[1])


def _is_slow(process: int) -> bool:
    """True if a process works for half a second: a student's submission takes less."""
    for _ in range(10):
        if _state(process) != "R":
            return False
        sleep(0.05)
    return True


_ATTACKS: Mapping[str, tuple[Callable[[RunningService], Seen], dict[str, object]]] = {
    "40 forms of line breaks at once": (_forms, {}),
    "40 forms of 400,000 heads of parts at once": (_many_parts, {}),
    "a report of 120 parameters as HTML, 40 at once": (_rendered, {}),
    "80 lists of 100 batches of 5,000": (_lists, {}),
    "40 readers of numbers of their own, 450,000 each": (_instances, {}),
    "200,000 requests on one connection, no answer read": (_pipelined, {}),
    "endless extensions, trailers, heads and lines": (_extensions, {}),
    "a request behind the end of a body, 13 forms": (_lengths, {}),
    "judges that die 20 times": (_killed_judges, {}),
    "arrays of 4,000,000 from 2,000 numbers, 10 times": (_memory_bombs, {"memory_each": 2**29}),
    "event streams: 100 at once, 500 left": (_event_streams, {}),
    "refused and padded submissions on the disk": (_disk, {"largest_kept": 100_000}),
    "1,000 assignments of one grader": (_assignments, {}),
    "five changes and regrades among 60 submissions": (_regrades, {}),
    "a token that ends while its events are followed": (_clock, {}),
}


if __name__ == "__main__":
    sys.exit(main())
