"""Can 40 at once of what is dear to answer hold up the others?

    python -m benchmarks.attacks.crowds [PART OF A ROW'S NAME]

While each attack runs, a student submits again and again, and must be answered within 5 s.
"""

import json
import re
import socket
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from time import monotonic, sleep

import numpy as np

from api.service import new_id, utc_now
from api.storage.database import open_repository
from api.storage.records import BatchItem, ItemState, Role, StoredBatch
from benchmarks.support.attacking import (
    Attack,
    answer_of,
    attack_each,
    close_all,
    connect,
    counted,
    get,
    head,
    live,
    watching,
)
from benchmarks.support.requesting import ask, bearer, new_token
from benchmarks.support.service import EXAMPLE, RunningService, request_json

_MOST = 5.0  # seconds of another's answer
_CROWD = 40  # threads of a service
_FORM = {"content-type": "multipart/form-data; boundary=b", "origin": "http://x"}


def main() -> int:
    return attack_each("crowds: many at once of what is dear", _ATTACKS)


def _forms(service: RunningService) -> tuple[str, bool]:
    """Send forms that take long to parse, as many at once as the service has threads."""
    part = b'--b\r\ncontent-disposition: form-data; name="text"\r\n\r\n'
    body = part + b"\r\n-" * 1_000_000 + b"\r\n--b--"
    whole = head("POST", "/", _FORM, len(body)) + body
    return _crowd(service, lambda: whole, _CROWD, {400, 413, 422, 429, 503})


def _many_parts(service: RunningService) -> tuple[str, bool]:
    """Send forms of many parts and of long heads of parts."""
    part = b'--b\r\ncontent-disposition: form-data; name="text"\r\n' + b"x: y\r\n" * 100_000 + b"\r\n1\r\n"
    body = part * 4 + b"--b--"
    whole = head("POST", "/", _FORM, len(body)) + body
    return _crowd(service, lambda: whole, _CROWD, {400, 403, 413, 422, 429, 503})


def _rendered(service: RunningService) -> tuple[str, bool]:
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
    answer = ask(service, "GET", f"{location[1].decode()}/reports", service.tokens["ci"])
    identity = json.loads(answer[2])["id"]
    assert isinstance(identity, str), answer
    return identity


def _lists(service: RunningService) -> tuple[str, bool]:
    """List batches, of which there are a hundred of 5,000 items each."""
    repository = open_repository(f"sqlite:///{service.log.parent / 'gradjury.sqlite'}")
    for _ in range(100):
        batch = StoredBatch(new_id(), "ci:ci", None, 5_000, utc_now())
        item = BatchItem(batch.id, 0, "x", state=ItemState.REFUSED, refusal="no")
        repository.batches.add(batch, [replace(item, index=index) for index in range(5_000)])
    repository.close()
    whole = head("GET", "/v1/batches", service.tokens["ci"], 0)
    return _crowd(service, lambda: whole, 2 * _CROWD, {200, 429, 503})


def _instances(service: RunningService) -> tuple[str, bool]:
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
    student = bearer(new_token(service, Role.STUDENT, "other", answer["id"]))
    whole = head("GET", f"/v1/assignments/{answer['id']}", student, 0)
    return _crowd(service, lambda: whole, _CROWD, {200, 429, 503})


def _crowd(
    service: RunningService, whole: Callable[[], bytes], count: int, allowed: set[int]
) -> tuple[str, bool]:
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
    seen = f"{counted(statuses)} in {monotonic() - begun:.0f} s; live {others}"
    return seen, set(statuses) <= allowed and others.well(_MOST)


def _event_streams(service: RunningService) -> tuple[str, bool]:
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
    return f"of 100 at once {counted(statuses)}", statuses[200] == 32 and statuses[429] == 68


def _status_line(connection: socket.socket) -> int:
    connection.settimeout(10)
    with suppress(OSError):
        words = connection.recv(64).split()
        return int(words[1]) if len(words) > 1 else 0
    return 0


_ATTACKS: Mapping[str, tuple[Attack, Mapping[str, object]]] = {
    "40 forms of line breaks at once": (_forms, {}),
    "40 forms of 400,000 heads of parts at once": (_many_parts, {}),
    "a report of 120 parameters as HTML, 40 at once": (_rendered, {}),
    "80 lists of 100 batches of 5,000": (_lists, {}),
    "40 readers of numbers of their own, 450,000 each": (_instances, {}),
    "event streams: 100 at once, 500 left": (_event_streams, {}),
}


if __name__ == "__main__":
    sys.exit(main())
