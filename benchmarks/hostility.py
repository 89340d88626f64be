"""Whether malformed requests bring the service down: each answered 4xx with its reason, and no memory kept.

    python -m benchmarks.hostility [REQUESTS]

Requests are mutations of valid ones, from a seed, against a service that really runs. Prints how often each
kind got each status, and resident memory before and after.
"""

import json
import socket
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from time import sleep

from benchmarks.hostile_files import HOSTILE_FILES, Mutation
from benchmarks.hostile_requests import HOSTILE_REQUESTS, Request
from benchmarks.running import EXAMPLE, Running, ask, resident, running

LARGEST_BODY = 300_000
SETTINGS = {"oracles": "backpropagation", "largest_body": LARGEST_BODY, "largest_inflated": 2**23}
SETTINGS |= {"processes": 2, "memory_each": 2**30}
_SEED = 20261123
_AT_ONCE = 4
_WARMING = 3_000  # until then threads are started and the allocator sets aside what it keeps
_TYPES = {"json": "application/json", "npz": "application/x-npz", "safetensors": "application/x-safetensors"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """fault: what is wrong with an answer; empty where nothing is."""

    kind: str
    status: int
    fault: str


def kinds(service: Running) -> dict[str, Callable[[Random], Request]]:
    """Give every kind of malformed request by name."""
    grader, student = service.tokens["grader"], service.tokens["student"]
    submissions = f"/v1/assignments/{service.ids['assignment_id']}/submissions"

    def file(mutation: Mutation, path: str, token: dict[str, str]) -> Callable[[Random], Request]:
        def make(random: Random) -> Request:
            name, content = mutation(random)
            return Request("POST", path, {"content-type": _TYPES[name], **token}, content)

        return make

    found = {f"check: {name}": file(each, "/v1/checks", {}) for name, each in HOSTILE_FILES.items()}
    found |= {
        f"submit: {name}": file(each, submissions, dict(student)) for name, each in HOSTILE_FILES.items()
    }
    found |= {
        f"assign: {name}": file(each, "/v1/assignments", dict(grader))
        for name, each in HOSTILE_FILES.items()
        if "JSON" in name
    }
    return found | dict(HOSTILE_REQUESTS)


def attack(service: Running, requests: int) -> list[Outcome]:
    """Send so many requests, kinds in turn, several at once; the same for the same number."""
    table = list(kinds(service).items())

    def one(index: int) -> Outcome:
        kind, make = table[index % len(table)]
        request = make(Random(_SEED + index))  # of its own: requests do not depend on their order
        status, fault = judged_answer(send(service.port, request))
        return Outcome(kind, status, fault)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(one, range(requests)))


def send(port: int, request: Request) -> bytes:
    """Send bytes as they are and give the answer's, whole."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(OSError):  # answered and closed before all was sent
            connection.sendall(request.raw())
        received = bytearray()
        while not _whole(received):
            try:
                chunk = connection.recv(65536)
            except ConnectionResetError:
                break
            if not chunk:
                break
            received += chunk
    return bytes(received)


def judged_answer(answer: bytes) -> tuple[int, str]:
    """Give an answer's status, and what is wrong with it: every one must be 4xx, and say why."""
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    if not 400 <= status < 500:
        return status, f"status {status}: {answer[:300]!r}"
    if b"content-type: application/problem+json" not in head.lower():
        return status, f"no problem document: {head!r}"
    try:
        document = json.loads(body)
    except ValueError:
        return (status, "") if body == b"" and b"content-length" in head.lower() else (status, "no JSON")
    said = document.get("detail") and all("pointer" in each for each in document.get("errors", []))
    return status, "" if said and document["status"] == status else f"no reason: {document}"


def _whole(received: bytearray) -> bool:
    head, found, body = bytes(received).partition(b"\r\n\r\n")
    if not found:
        return False
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
    return length is not None and len(body) >= int(length.split(b":")[1])


def warm(service: Running) -> None:
    """Have all threads, connections and modules there that requests need, so that memory is comparable."""
    for _ in range(40):
        assert ask(service.port, "POST", "/v1/checks", {}, EXAMPLE)[0] == 200
    attack(service, _WARMING)


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with running(**SETTINGS) as service:
        warm(service)
        before = resident(service.process)
        outcomes = attack(service, requests)
        sleep(1)  # what the last requests held is given back
        after = resident(service.process)
        assert ask(service.port, "POST", "/v1/checks", {}, EXAMPLE)[0] == 200
    counts: Counter[tuple[str, int]] = Counter((each.kind, each.status) for each in outcomes)
    print(f"{'kind':44} {'status':>6} {'requests':>8}")
    for (kind, status), count in sorted(counts.items()):
        print(f"{kind:44} {status:6} {count:8}")
    faults = [each for each in outcomes if each.fault]
    print(f"{len(outcomes)} requests, {len(faults)} answers that are not 4xx with a reason")
    for each in faults[:10]:
        print(f"    {each.kind}: {each.fault}")
    for name, then, now in (
        ("the service", before[service.process], after[service.process]),
        ("all processes", sum(before.values()), sum(after.values())),
    ):
        print(f"{name:14} {then / 2**20:8.1f} MiB, then {now / 2**20:8.1f} MiB ({now / then - 1:+.1%})")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
