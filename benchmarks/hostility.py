"""Send malformed requests to a service and check that each gets a 4xx response with a reason.

    python -m benchmarks.hostility [REQUESTS]

The requests are seeded mutations of valid ones. The benchmark prints the number of responses by kind and
status, and the resident memory before and after.
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

from benchmarks.support.hostile_files import HOSTILE_FILES, Mutation
from benchmarks.support.hostile_requests import HOSTILE_REQUESTS, Request
from benchmarks.support.service import EXAMPLE, RunningService, request_json, resident_memory, running_service

LARGEST_BODY = 300_000
SETTINGS = {"oracles": "backpropagation", "largest_body": LARGEST_BODY, "largest_inflated": 2**23}
SETTINGS |= {"processes": 2, "memory_each": 2**30}
_SEED = 20261123
_THREADS = 4
_WARM_UP_REQUESTS = 3_000  # until all threads are started and the allocator's arenas are filled
_TYPES = {"json": "application/json", "npz": "application/x-npz", "safetensors": "application/x-safetensors"}


@dataclass(frozen=True, slots=True)
class HostilityOutcome:
    """Response to a malformed request. fault: error of the response; empty if there is none."""

    kind: str
    status: int
    fault: str


def input_kinds(service: RunningService) -> dict[str, Callable[[Random], Request]]:
    """Return a generator of requests for every kind of malformed request, by name."""
    grader, student = service.tokens["grader"], service.tokens["student"]
    submissions = f"/v1/assignments/{service.ids['assignment_id']}/submissions"

    def file(mutation: Mutation, path: str, token: dict[str, str]) -> Callable[[Random], Request]:
        def make(random: Random) -> Request:
            name, content = mutation(random)
            return Request("POST", path, {"content-type": _TYPES[name], **token}, content)

        return make

    requests = {
        f"check: {name}": file(mutation, "/v1/checks", {}) for name, mutation in HOSTILE_FILES.items()
    }
    requests |= {
        f"submit: {name}": file(mutation, submissions, dict(student))
        for name, mutation in HOSTILE_FILES.items()
    }
    requests |= {
        f"assign: {name}": file(mutation, "/v1/assignments", dict(grader))
        for name, mutation in HOSTILE_FILES.items()
        if "JSON" in name
    }
    return requests | dict(HOSTILE_REQUESTS)


def send_all(service: RunningService, requests: int) -> list[HostilityOutcome]:
    """Send this number of requests, cycling through the kinds, from several threads; reproducible."""
    table = list(input_kinds(service).items())

    def one(index: int) -> HostilityOutcome:
        kind, make = table[index % len(table)]
        request = make(Random(_SEED + index))  # one generator per request, so that the order does not matter
        status, fault = status_and_fault(send(service.port, request))
        return HostilityOutcome(kind, status, fault and f"request {index}: {fault}")

    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(one, range(requests)))


def send(port: int, request: Request) -> bytes:
    """Send a request unchanged and return the bytes of the whole response."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(OSError):  # the service may respond and close before the end of the request
            connection.sendall(request.raw())
        received = bytearray()
        while not _is_complete(received):
            try:
                chunk = connection.recv(65536)
            except (ConnectionResetError, TimeoutError):  # no answer: `status_and_fault` names it
                break
            if not chunk:
                break
            received += chunk
    return bytes(received)


def status_and_fault(response: bytes) -> tuple[int, str]:
    """Return the status of a response and its fault. Every response must be 4xx and give a reason."""
    head, _, body = response.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    if not 400 <= status < 500:
        return status, f"status {status}: {response[:300]!r}"
    if b"content-type: application/problem+json" not in head.lower():
        return status, f"no problem document: {head!r}"
    try:
        document = json.loads(body)
    except ValueError:
        return (status, "") if body == b"" and b"content-length" in head.lower() else (status, "no JSON")
    has_reason = document.get("detail") and all("pointer" in error for error in document.get("errors", []))
    return status, "" if has_reason and document["status"] == status else f"no reason: {document}"


def _is_complete(received: bytearray) -> bool:
    head, separator, body = bytes(received).partition(b"\r\n\r\n")
    if not separator:
        return False
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
    return length is not None and len(body) >= int(length.split(b":")[1])


def warm(service: RunningService) -> None:
    """Start all threads, connections and modules, so that memory before and after is comparable."""
    for _ in range(40):
        assert request_json(service.port, "POST", "/v1/checks", {}, EXAMPLE)[0] == 200
    send_all(service, _WARM_UP_REQUESTS)


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with running_service(**SETTINGS) as service:
        warm(service)
        before = resident_memory(service.process)
        outcomes = send_all(service, requests)
        sleep(1)  # until the memory of the last requests is freed
        after = resident_memory(service.process)
        assert request_json(service.port, "POST", "/v1/checks", {}, EXAMPLE)[0] == 200
    counts: Counter[tuple[str, int]] = Counter((outcome.kind, outcome.status) for outcome in outcomes)
    print(f"{'kind':44} {'status':>6} {'requests':>8}")
    for (kind, status), count in sorted(counts.items()):
        print(f"{kind:44} {status:6} {count:8}")
    faults = [outcome for outcome in outcomes if outcome.fault]
    print(f"{len(outcomes)} requests, {len(faults)} answers that are not 4xx with a reason")
    for outcome in faults[:10]:
        print(f"    {outcome.kind}: {outcome.fault}")
    for name, then, now in (
        ("the service", before[service.process], after[service.process]),
        ("all processes", sum(before.values()), sum(after.values())),
    ):
        print(f"{name:14} {then / 2**20:8.1f} MiB, then {now / 2**20:8.1f} MiB ({now / then - 1:+.1%})")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
