"""Does any time tell a student whether a hidden verdict is right or wrong?

    python -m benchmarks.attacks.verdict_timing [SAMPLES] [THREADS] [API] [page]

An assignment that shows nothing, one attempt each. A sample is a student with a right or a wrong answer, who
sends it to the API or in the form of the page. Beside the answer itself, two more connections of the student
try to see when judging ended: by a second submission, and by the list of submissions and the attempts left.
Somebody with a `ci` token, who shares the judging processes, follows the events of a batch sent just before.
The same answers go to the evaluation of the assignment and, as batches, to the queue, both of which refuse
students, as do the events of a batch. Printed is the area under the curve (AUC) of a
guess by each time, 0.5 where it tells nothing.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from time import monotonic, sleep
from typing import Any

import numpy as np

from api.service import utc_now
from api.services.batches import NDJSON
from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import Role
from benchmarks.support.attacking import Table
from benchmarks.support.service import ASSIGNMENT, EXAMPLE, RunningService, request_json, running_service
from verifier import verify

_MOST = 0.55
_BESIDE = 0.03  # seconds after which the second submission is sent: between the times of right and wrong
_POLLS = 12  # of a list, some milliseconds apart
_CHANNELS = (
    "the answer",
    "the answer to a second submission",
    "its row in the list",
    "the attempts left",
    "the refusal of an evaluation",
    "the refusal of a batch",
    "the refusal of a batch's events",
    "the first event of another's batch",
    "the end of another's batch",
)
_DOORS = ["API", "page"]
_BOUNDARY = "a-boundary-of-this-form"
_SUBMITTED = ({201, 409}, {303, 409})  # a submission and a second one, which may overtake it


def main() -> int:
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    doors = [door for door in _DOORS if door in sys.argv] or _DOORS
    samples, threads = (numbers + [2000, 3][len(numbers) :])[:2]
    table = Table(
        f"verdict_timing: {samples} students a door, {threads} at a time, students_see=[], attempts=1"
    )
    answers = _answers()
    with running_service() as service:
        for door in doors:
            hidden = {**ASSIGNMENT, "students_see": [], "attempts": 1}
            _, _, assignment = request_json(
                service.port, "POST", "/v1/assignments", service.tokens["grader"], hidden
            )
            tokens = _tokens(service, assignment["id"], samples)
            kinds = [
                random.Random(f"{door} {number}").choice(("right", "wrong")) for number in range(samples)
            ]
            with ThreadPoolExecutor(threads) as callers:
                work = [
                    callers.submit(_sample, service, assignment["id"], door, token, answers[kind])
                    for token, kind in zip(tokens, kinds, strict=True)
                ]
                seen = [each.result() for each in work]
            _rows(table, door, np.array([kind == "wrong" for kind in kinds]), seen)
    return table.end()


def _rows(table: Table, door: str, wrong: np.ndarray[Any, Any], seen: Sequence["_Seen"]) -> None:
    statuses = Counter(sample.statuses for sample in seen)
    well = all(set(pair[:2]) in _SUBMITTED and set(pair[2:]) <= {403} for pair in statuses)
    table.row(f"{door}: statuses", str(dict(statuses)), well)
    for column, channel in enumerate(_CHANNELS):
        times = np.array([sample.seconds[column] for sample in seen])
        area = _area(times, wrong)
        medians = [f"{1000 * np.median(times[wrong == kind]):.1f}" for kind in (False, True)]
        words = f"AUC {area:.3f}; median ms right {medians[0]}, wrong {medians[1]}"
        table.row(f"{door}: {channel}", words, max(area, 1 - area) <= _MOST)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Answers to one student. seconds: of each channel. statuses: of both submissions, and of refusals."""

    seconds: tuple[float, ...]
    statuses: tuple[int, ...]


def _answers() -> Mapping[str, str]:
    rows = verify(EXAMPLE, entries="all").to_dict()["parameters"]
    right = {row["name"]: row["entries"]["expected"] for row in rows}
    both = {"right": right, "wrong": EXAMPLE["gradients"]}
    return {kind: json.dumps({"gradients": gradients}) for kind, gradients in both.items()}


def _tokens(service: RunningService, assignment: str, count: int) -> list[str]:
    repository = open_repository(f"sqlite:///{service.log.parent / 'gradjury.sqlite'}")
    opens = frozenset({assignment})
    texts = [
        issue(repository.tokens, Role.STUDENT, f"s{number:05}", opens, utc_now(), None)[1]
        for number in range(count)
    ]
    repository.close()
    return texts


def _sample(service: RunningService, assignment: str, door: str, token: str, answer: str) -> _Seen:
    """Return what a student saw who sent this answer through a door."""
    port = service.port
    path, bearer = f"/v1/assignments/{assignment}", {"authorization": f"Bearer {token}"}
    as_json = bearer | {"content-type": "application/json"}
    if door == "API":
        address, headers, body = f"{path}/submissions", as_json, answer
    else:
        address = f"/assignments/{assignment}/submissions"
        headers = {
            "cookie": f"gradjury-token={token}",
            "origin": f"http://127.0.0.1:{port}",
            "content-type": f"multipart/form-data; boundary={_BOUNDARY}",
        }
        part = 'Content-Disposition: form-data; name="text"'
        body = f"--{_BOUNDARY}\r\n{part}\r\n\r\n{answer}\r\n--{_BOUNDARY}--\r\n"
    ci = service.tokens["ci"]
    sent_batch = HTTPConnection("127.0.0.1", port, timeout=60)
    sent_batch.request("POST", "/v1/batches", json.dumps(EXAMPLE), {**ci, "content-type": NDJSON})
    location = sent_batch.getresponse().headers["location"]
    sent_batch.close()
    with ThreadPoolExecutor(4) as beside:
        begun = monotonic()
        following = beside.submit(_follow, port, f"{location}/events", ci, begun)
        first = beside.submit(_send, port, address, headers, body, 0.0)
        second = beside.submit(_send, port, address, headers, body, _BESIDE)
        polling = beside.submit(_poll, port, path, bearer, begun)
        sent = [first.result(), second.result()]
        polled = polling.result()
        followed = following.result()
    submission = {"type": "MODEL", "content": json.loads(answer)}
    task = json.dumps({"submission": submission, "task": {"taskId": assignment}})
    evaluation = _send(port, "/evaluate", as_json, task, 0.0)
    lines = bearer | {"content-type": NDJSON}
    batch = _send(port, f"/v1/batches?assignment={assignment}", lines, answer, 0.0)
    events = _send(port, f"{location}/events", bearer, "", 0.0, "GET")
    refused = (evaluation, batch, events)
    seconds = (*(time for time, _ in sent), *polled, *(time for time, _ in refused), *followed)
    return _Seen(seconds, tuple(status for _, status in (*sent, *refused)))


def _send(
    port: int, path: str, headers: Mapping[str, str], body: str, delay: float, method: str = "POST"
) -> tuple[float, int]:
    """Send a body after a delay. Return the seconds until its answer, and its status."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    sleep(delay)
    begun = monotonic()
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    response.read()
    connection.close()
    return monotonic() - begun, response.status


def _follow(port: int, path: str, token: Mapping[str, str], begun: float) -> tuple[float, float]:
    """Return when the first event of a batch came, and when its events ended."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=dict(token))
    response = connection.getresponse()
    response.readline()
    first = monotonic() - begun
    response.read()
    connection.close()
    return first, monotonic() - begun


def _poll(port: int, path: str, token: Mapping[str, str], begun: float) -> tuple[float, float]:
    """Return when the row was first there, and when no attempt was left."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    row = left = float("inf")
    for _ in range(_POLLS):
        if row == float("inf") and _get(connection, f"{path}/submissions", token):
            row = monotonic() - begun
        if left == float("inf") and _get(connection, path, token)["attempts_left"] == 0:
            left = monotonic() - begun
        if max(row, left) < float("inf"):
            break
        sleep(0.002)
    connection.close()
    return min(row, 1.0), min(left, 1.0)


def _get(connection: HTTPConnection, path: str, token: Mapping[str, str]) -> Any:
    connection.request("GET", path, headers=dict(token))
    return json.loads(connection.getresponse().read())


def _area(times: np.ndarray[Any, Any], wrong: np.ndarray[Any, Any]) -> float:
    """Return the chance that a wrong answer took longer than a right one; ties count half."""
    order = np.sort(times[~wrong])
    below = np.searchsorted(order, times[wrong], "left")
    upto = np.searchsorted(order, times[wrong], "right")
    return float(np.mean((below + upto) / 2) / len(order))


if __name__ == "__main__":
    sys.exit(main())
