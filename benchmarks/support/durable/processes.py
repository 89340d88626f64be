"""Run the service and its workers as real processes that can be killed and restarted."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import httpx2
from sqlalchemy import func, select

from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import Role
from api.storage.tables import reports

_COMMAND = [sys.executable, "-c", "from api.command_line import main; main()"]
_TIMEOUT = 180  # seconds for a response, including restarts
_CHILD = 0.3  # probability of killing a judging process instead of its parent


class Processes:
    """Service and additional workers on one database."""

    def __init__(self, database_url: str, folder: Path, workers: int) -> None:
        self.folder = folder
        self._port = _free_port()
        serve = ["serve", "--port", str(self._port)]
        self._commands = {"service": serve} | {
            f"worker {number}": ["worker", "--name", f"w{number}"] for number in range(workers)
        }
        self._environment = os.environ | {"GRADJURY_DATABASE_URL": database_url, "GRADJURY_PROCESSES": "1"}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._repository = open_repository(database_url)
        _, token = issue(
            self._repository.tokens, Role.GRADER, "prof", frozenset(), datetime.now(UTC), lifetime=None
        )
        self._headers = {"authorization": f"Bearer {token}"}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()
        self._repository.close()

    def start_all(self) -> None:
        for name in self._commands:
            self._start(name)
        self.get("/health/live")

    def stop_all(self) -> None:
        """Stop all processes. Raises: SystemExit if one does not terminate normally."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for name, process in self._running.items():
            if process.wait(timeout=60) not in (0, -signal.SIGTERM):
                raise SystemExit(f"{name} ended with {process.returncode}")

    def kill(self, name: str) -> None:
        """Kill a process with SIGKILL and restart it."""
        process = self._running[name]
        process.kill()
        process.wait()
        self._start(name)

    def kill_one(self, rng: random.Random) -> str:
        """Kill a random process and return its kind."""
        name = rng.choice(sorted(self._commands))
        judging = _judging(self._running[name].pid)
        if rng.random() < _CHILD and judging:
            os.kill(rng.choice(judging), signal.SIGKILL)
            return "judging"
        self.kill(name)
        return name.split()[0]

    def post(self, body: bytes) -> str:
        """Post a batch until it is accepted and return its URL."""
        headers = {"content-type": "application/x-ndjson", "idempotency-key": "the batch"}
        response = self._request("POST", "/v1/batches", 202, headers, body)
        return str(response.headers["location"])

    def get(self, path: str) -> httpx2.Response:
        return self._request("GET", path, 200, {}, None)

    def stored_reports(self) -> int:
        with self._repository.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(reports)).scalar_one()

    def _request(
        self, method: str, path: str, status: int, headers: dict[str, str], body: bytes | None
    ) -> httpx2.Response:
        end = time.monotonic() + _TIMEOUT
        while True:
            failure = "no answer"
            try:
                url = f"http://127.0.0.1:{self._port}{path}"
                response = httpx2.request(
                    method, url, headers=self._headers | headers, content=body, timeout=60
                )
                if response.status_code == status:
                    return response
                failure = f"{response.status_code} {response.text}"
            except httpx2.TransportError as error:
                failure = repr(error)
            if time.monotonic() > end:
                raise SystemExit(f"{method} {path}: {failure}")
            time.sleep(0.1)

    def _start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                _COMMAND + self._commands[name], env=self._environment, stdout=log, stderr=log
            )


def _judging(parent: int) -> list[int]:
    """Return the ids of the judging processes of a process, which are children of its forkserver."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(status.parent.name)] = int(fields[1])
    servers = {process for process, above in parents.items() if above == parent}
    return sorted(process for process, above in parents.items() if above in servers)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
