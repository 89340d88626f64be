"""Run a service in a process of its own, with a port, a database, tokens and one judged submission."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import sleep
from types import MappingProxyType
from typing import Any

from api.batches.retry import retry_while_unavailable
from api.service import utc_now
from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import Role
from verifier.examples.layers import example_document

EXAMPLE = example_document("wrong-layer")
ASSIGNMENT = {"title": "homework", "problem": {k: v for k, v in EXAMPLE.items() if k != "gradients"}}
_START_ATTEMPTS = 3000  # at 0.1 s each: a busy machine starts it slowly
_UNLIMITED = "1000000"


@dataclass(frozen=True, slots=True)
class RunningService:
    """Running service.

    tokens: authorization headers by role, including the role `none`.
    ids: values of path parameters that exist.
    """

    port: int
    process: int
    tokens: Mapping[str, Mapping[str, str]]
    ids: Mapping[str, str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running_service(*options: str, **settings: object) -> Iterator[RunningService]:
    """Run a service with these options and settings, and without rate limits."""
    with TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'gradjury.sqlite'}"
        limits = ("checks", "submissions", "requests", "refused")
        values = {"database_url": database} | {f"{name}_per_minute": _UNLIMITED for name in limits} | settings
        environment = (
            {"MALLOC_ARENA_MAX": "2"}
            | os.environ
            | {  # as recommended in docs/service.md
                f"GRADJURY_{name.upper()}": str(value) for name, value in values.items()
            }
        )
        port, log = free_port(), Path(folder) / "log"
        command = [sys.executable, "-c", "from api.command_line import main; main()", "serve", *options]
        with log.open("w") as stream:
            process = subprocess.Popen(
                [*command, "--port", str(port)], env=environment, stdout=stream, stderr=stream
            )
            try:
                _wait(port, process, log)
                tokens, homework = _tokens(database, port)
                yield RunningService(port, process.pid, tokens, MappingProxyType(homework), log)
            finally:
                process.terminate()
                process.wait()


def request_json(port: int, method: str, path: str, headers: Mapping[str, str], document: Any = None) -> Any:
    """Send a JSON document and return status, headers and JSON body of the response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    body = None if document is None else json.dumps(document)
    connection.request(method, path, body, {"content-type": "application/json", **headers})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, response.headers, json.loads(content)


def resident_memory(process: int) -> dict[int, int]:
    """Return the resident bytes of a process and of all its descendants, by process id (Linux)."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            rows = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        parents[int(status.parent.name)] = int(rows["PPid"])
    family = {process}
    while children := {child for child, parent in parents.items() if parent in family} - family:
        family |= children
    return {member: _resident_of(member) for member in sorted(family)}


def _resident_of(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _tokens(database: str, port: int) -> tuple[Mapping[str, Mapping[str, str]], dict[str, str]]:
    repository = open_repository(database)

    def token(role: Role, *assignments: str) -> dict[str, str]:
        work = partial(issue, repository.tokens, role, str(role), frozenset(assignments), utc_now(), None)
        _, text = retry_while_unavailable(work, Event())  # on a busy machine SQLite stays locked for seconds
        return {"authorization": f"Bearer {text}"}

    grader = token(Role.GRADER)
    _, _, assignment = request_json(port, "POST", "/v1/assignments", grader, ASSIGNMENT)
    tokens = {
        "none": {},
        "ci": token(Role.CI, assignment["id"]),
        "student": token(Role.STUDENT, assignment["id"]),
        "grader": grader,
    }
    repository.close()
    path = f"/v1/assignments/{assignment['id']}/submissions"
    _, headers, _ = request_json(port, "POST", path, tokens["student"], {"gradients": EXAMPLE["gradients"]})
    return MappingProxyType(tokens), {
        "assignment_id": assignment["id"],
        "report_id": headers["location"].rpartition("/")[2],
        "submission_id": headers["link"].partition(">")[0].rpartition("/")[2],
        "name": "pytorch",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(_START_ATTEMPTS):
        try:
            request_json(port, "GET", "/health/live", {})
        except OSError:
            if process.poll() is not None:
                break
            sleep(0.1)
        else:
            return
    raise RuntimeError(f"the service did not start:\n{log.read_text()}")
