"""A really running service for benchmarks: its own process, port, database, tokens, one judged submission."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from types import MappingProxyType
from typing import Any

from api.service import utc_now
from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import Role
from verifier.examples import example_document

EXAMPLE = example_document("wrong-layer")
ASSIGNMENT = {"title": "homework", "problem": {k: v for k, v in EXAMPLE.items() if k != "gradients"}}
_PATIENCE = 600  # tenths of a second until it must answer
_UNLIMITED = "1000000"


@dataclass(frozen=True, slots=True)
class Running:
    """tokens: headers by role, `none` among them. ids: path parameters that exist."""

    port: int
    process: int
    tokens: Mapping[str, Mapping[str, str]]
    ids: Mapping[str, str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(**settings: object) -> Iterator[Running]:
    """Run a service with these settings, without limits of requests a minute."""
    with TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'gradjury.sqlite'}"
        limits = ("checks", "submissions", "requests", "refused")
        chosen = {"database_url": database} | {f"{name}_per_minute": _UNLIMITED for name in limits} | settings
        environment = (
            {"MALLOC_ARENA_MAX": "2"}
            | os.environ
            | {  # as docs/service.md advises
                f"GRADJURY_{name.upper()}": str(value) for name, value in chosen.items()
            }
        )
        port, log = _free_port(), Path(folder) / "log"
        command = [sys.executable, "-c", "from api.command_line import main; main()", "serve"]
        with log.open("w") as stream:
            process = subprocess.Popen(
                [*command, "--port", str(port)], env=environment, stdout=stream, stderr=stream
            )
            try:
                _wait(port, process, log)
                tokens, homework = _tokens(database, port)
                yield Running(port, process.pid, tokens, MappingProxyType(homework), log)
            finally:
                process.terminate()
                process.wait()


def ask(port: int, method: str, path: str, headers: Mapping[str, str], document: Any = None) -> Any:
    """Ask with a JSON document; give status, headers and the JSON answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    body = None if document is None else json.dumps(document)
    connection.request(method, path, body, {"content-type": "application/json", **headers})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, json.loads(content)


def resident(process: int) -> dict[int, int]:
    """Give the resident bytes of a process and of all that descend from it (Linux)."""
    found: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            rows = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        found[int(status.parent.name)] = int(rows["PPid"])
    family = {process}
    while grown := {child for child, parent in found.items() if parent in family} - family:
        family |= grown
    return {member: _resident(member) for member in sorted(family)}


def _resident(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _tokens(database: str, port: int) -> tuple[Mapping[str, Mapping[str, str]], dict[str, str]]:
    repository = open_repository(database)

    def held(role: Role, *assignments: str) -> dict[str, str]:
        _, text = issue(repository.tokens, role, str(role), frozenset(assignments), utc_now(), None)
        return {"authorization": f"Bearer {text}"}

    grader = held(Role.GRADER)
    _, _, assignment = ask(port, "POST", "/v1/assignments", grader, ASSIGNMENT)
    tokens = {
        "none": {},
        "ci": held(Role.CI, assignment["id"]),
        "student": held(Role.STUDENT, assignment["id"]),
        "grader": grader,
    }
    repository.close()
    path = f"/v1/assignments/{assignment['id']}/submissions"
    _, headers, _ = ask(port, "POST", path, tokens["student"], {"gradients": EXAMPLE["gradients"]})
    return MappingProxyType(tokens), {
        "assignment_id": assignment["id"],
        "report_id": headers["location"].rpartition("/")[2],
        "submission_id": headers["link"].partition(">")[0].rpartition("/")[2],
        "name": "pytorch",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(_PATIENCE):
        try:
            ask(port, "GET", "/health/live", {})
        except OSError:
            if process.poll() is not None:
                break
            sleep(0.1)
        else:
            return
    raise RuntimeError(f"the service did not start:\n{log.read_text()}")
