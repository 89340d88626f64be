"""Attack a service over raw sockets, measure what others see meanwhile, and print a table."""

import json
import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import numpy as np

from benchmarks.support.service import (
    EXAMPLE,
    RunningService,
    request_json,
    resident_memory,
    running_service,
)

ATTACKER = "127.0.0.1"
_TIMEOUT = 120.0  # seconds to wait for an answer
_MOST = 5.0  # seconds of a student's answer
_DESCRIPTORS = 30  # open files that may be left


@dataclass
class Table:
    """Observations, a row for each attack. failed: the rows that are not as they should be."""

    title: str
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        print(self.title)

    def row(self, attack: str, seen: str, well: bool) -> None:
        print(f"  {'holds' if well else 'BROKE'}  {attack:58} {seen}", flush=True)
        if not well:
            self.failed.append(attack)

    def end(self) -> int:
        """Return the exit status of the benchmark."""
        return 1 if self.failed else 0


Attack = Callable[[RunningService], tuple[str, bool]]  # what was seen, and whether it holds


def attack_each(title: str, attacks: Mapping[str, tuple[Attack, Mapping[str, object]]]) -> int:
    """Attack a new service of these settings in each row, while a student submits. Return the exit status.

    The first argument of the command, if there is one, chooses rows that have it in their names.
    """
    table = Table(title)
    chosen = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, (attack, settings) in attacks.items():
        if chosen not in name:
            continue
        with running_service(**({"processes": 1} | dict(settings))) as service:
            for _ in range(3):
                submit(service)
            before = _descriptors(service)
            with watching(service, submit) as student:
                seen, well = attack(service)
            sleep(3)
            grown = _descriptors(service) - before
        seen = f"{seen}; student: {student}; descriptors {grown:+}"
        table.row(name, seen, well and student.well(_MOST) and grown < _DESCRIPTORS)
    return table.end()


def counted(statuses: Mapping[int, int]) -> str:
    """Return how often each status was answered, as text."""
    return ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))


def head(method: str, path: str, headers: Mapping[str, str], length: int | None = None) -> bytes:
    """Return the head of a request; without a length it has a chunked body."""
    size = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
    rows = {"host": "x", "content-type": "application/json"} | size | dict(headers)
    lines = "".join(f"{name}: {value}\r\n" for name, value in rows.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


def chunk(content: bytes) -> bytes:
    """Return a chunk of a chunked body."""
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def connect(port: int, payload: bytes = b"") -> socket.socket:
    """Return a connection on which this has been sent."""
    connection = socket.create_connection((ATTACKER, port), timeout=_TIMEOUT)
    if payload:
        connection.sendall(payload)
    return connection


def flood(connection: socket.socket, pieces: Iterator[bytes]) -> int:
    """Send pieces until the service answers or closes. Return how many bytes it took."""
    sent = 0
    connection.setblocking(True)
    with suppress(OSError):
        for piece in pieces:
            if _has_answer(connection):
                break
            connection.sendall(piece)
            sent += len(piece)
    return sent


def answer_of(connection: socket.socket, seconds: float = _TIMEOUT) -> tuple[int, bytes]:
    """Return the status of an answer, 0 if the connection was closed without one, and its bytes."""
    received, end = bytearray(), monotonic() + seconds
    connection.settimeout(seconds)
    with suppress(OSError):
        while monotonic() < end and (data := connection.recv(2**16)):
            received += data
            match = re.search(rb"content-length: (\d+)\r\n", received)
            body = received.partition(b"\r\n\r\n")[2]
            if match and b"\r\n\r\n" in received and len(body) >= int(match[1]):
                break
    words = bytes(received).split(b" ", 2)
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), bytes(received)


def seconds_until_closed(connection: socket.socket, most: float) -> float:
    """Return after how many seconds the service closes a connection; infinite if not within `most`."""
    begun = monotonic()
    connection.settimeout(1.0)
    while monotonic() - begun < most:
        try:
            if not connection.recv(2**16):
                return monotonic() - begun
        except TimeoutError:
            continue
        except OSError:
            return monotonic() - begun
    return float("inf")


def memory(service: RunningService) -> float:
    """Return the resident MiB of the process that answers."""
    return resident_memory(service.process)[service.process] / 2**20


def slow_document(layers: int = 60, width: int = 3, examples: int = 4) -> dict[str, Any]:
    """Return a small submission that takes seconds to judge: the diagnosis of a deep network."""
    random = np.random.default_rng(0)
    parameters: dict[str, Any] = {}
    gradients: dict[str, Any] = {}
    for layer in range(layers):
        parameters[f"layers.{layer}.weight"] = random.integers(-9, 9, (width, width)).tolist()
        parameters[f"layers.{layer}.bias"] = [0] * width
        gradients[f"layers.{layer}.weight"] = [[1] * width] * width
        gradients[f"layers.{layer}.bias"] = [1] * width
    return {
        "network": {"layers": [{"in": width, "out": width, "activation": "tanh"}] * layers},
        "loss": {"name": "mse"},
        "parameters": parameters,
        "gradients": gradients,
        "inputs": random.integers(-9, 9, (examples, width)).tolist(),
        "targets": [[0] * width] * examples,
    }


def request(method: str, path: str, headers: Mapping[str, str], document: Any) -> bytes:
    """Return a whole request with a JSON body."""
    body = json.dumps(document, separators=(",", ":")).encode()
    return head(method, path, headers, len(body)) + body


@dataclass
class Watched:
    """Answers to others: seconds of their requests, and the failures."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def longest(self) -> float:
        return max(self.seconds, default=float("inf"))

    def __str__(self) -> str:
        middle = sorted(self.seconds)[len(self.seconds) // 2] if self.seconds else float("nan")
        failed = f", {len(self.failures)} failed ({self.failures[0]})" if self.failures else ""
        return f"{len(self.seconds)} requests, median {middle:.2f} s, longest {self.longest:.2f} s{failed}"

    def well(self, most: float) -> bool:
        return bool(self.seconds) and not self.failures and self.longest <= most


def submit(service: RunningService) -> tuple[int, Any]:
    """Submit as a student. Return the status and the document."""
    path = f"/v1/assignments/{service.ids['assignment_id']}/submissions"
    document = {"gradients": EXAMPLE["gradients"]}
    status, _, answer = request_json(service.port, "POST", path, service.tokens["student"], document)
    return status, answer


def get(path: str, role: str = "none") -> Callable[[RunningService], tuple[int, Any]]:
    """Return a function that asks for a path of JSON."""

    def call(service: RunningService) -> tuple[int, Any]:
        status, _, answer = request_json(service.port, "GET", path, service.tokens[role])
        return status, answer

    return call


def live(service: RunningService) -> tuple[int, Any]:
    status, _, answer = request_json(service.port, "GET", "/health/live", {})
    return status, answer


@contextmanager
def watching(
    service: RunningService, call: Callable[[RunningService], tuple[int, Any]], pause: float = 0.2
) -> Iterator[Watched]:
    """Call again and again while the block runs, and yield what is seen."""
    watched, ended = Watched(), Event()

    def watch() -> None:
        while not ended.is_set():
            once(service, call, watched)
            ended.wait(pause)

    thread = Thread(target=watch)
    thread.start()
    try:
        yield watched
    finally:
        ended.set()
        thread.join()


def once(
    service: RunningService, call: Callable[[RunningService], tuple[int, Any]], watched: Watched
) -> None:
    """Call once, and note what is seen."""
    begun = monotonic()
    try:
        status, answer = call(service)
    except (OSError, ValueError) as error:
        watched.failures.append(type(error).__name__)
        return
    watched.seconds.append(monotonic() - begun)
    if status >= 400:
        watched.failures.append(f"{status} {str(answer)[:60]}")


def log_lines(service: RunningService, text: str) -> int:
    """Return how many lines of the log hold a text."""
    return Path(service.log).read_text(errors="replace").count(text)


def close_all(connections: Sequence[socket.socket]) -> None:
    for connection in connections:
        connection.close()


def wait_for_memory(service: RunningService, most: float, seconds: float = 20.0) -> float:
    """Wait until the service has at most so many MiB. Return how many it has in the end."""
    end = monotonic() + seconds
    while memory(service) > most and monotonic() < end:
        sleep(0.5)
    return memory(service)


def _descriptors(service: RunningService) -> int:
    return len(list(Path(f"/proc/{service.process}/fd").iterdir()))


def _has_answer(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.setblocking(True)
    return True
