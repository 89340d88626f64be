"""The service and its workers as real processes, killed and started again."""

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
_PATIENCE = 180  # seconds for an answer, restarts included
_CHILD = 0.3  # how often a judging process is killed instead of its parent


class Processes:
    """One service, so many workers beside its own, on one database."""

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
        """Stop in good order; what does not end by itself is an error of ours."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for name, process in self._running.items():
            if process.wait(timeout=60) not in (0, -signal.SIGTERM):
                raise SystemExit(f"{name} ended with {process.returncode}")

    def kill(self, name: str) -> None:
        """Kill -9, and start again."""
        process = self._running[name]
        process.kill()
        process.wait()
        self._start(name)

    def kill_one(self, rng: random.Random) -> str:
        """Kill one by chance; say what it was."""
        name = rng.choice(sorted(self._commands))
        judging = _judging(self._running[name].pid)
        if rng.random() < _CHILD and judging:
            os.kill(rng.choice(judging), signal.SIGKILL)
            return "judging"
        self.kill(name)
        return name.split()[0]

    def post(self, body: bytes) -> str:
        """Post a batch until it is accepted; give its address."""
        headers = {"content-type": "application/x-ndjson", "idempotency-key": "the batch"}
        answer = self._asked("POST", "/v1/batches", 202, headers, body)
        return str(answer.headers["location"])

    def get(self, path: str) -> httpx2.Response:
        return self._asked("GET", path, 200, {}, None)

    def stored_reports(self) -> int:
        with self._repository.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(reports)).scalar_one()

    def _asked(
        self, method: str, path: str, status: int, headers: dict[str, str], body: bytes | None
    ) -> httpx2.Response:
        end = time.monotonic() + _PATIENCE
        while True:
            said = "no answer"
            try:
                url = f"http://127.0.0.1:{self._port}{path}"
                answer = httpx2.request(
                    method, url, headers=self._headers | headers, content=body, timeout=60
                )
                if answer.status_code == status:
                    return answer
                said = f"{answer.status_code} {answer.text}"
            except httpx2.TransportError as error:
                said = repr(error)
            if time.monotonic() > end:
                raise SystemExit(f"{method} {path}: {said}")
            time.sleep(0.1)

    def _start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                _COMMAND + self._commands[name], env=self._environment, stdout=log, stderr=log
            )


def _judging(parent: int) -> list[int]:
    """Give the judging processes of a process: the children of its forkserver."""
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
