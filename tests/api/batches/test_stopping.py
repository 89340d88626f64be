"""`gradjury serve` ends in good order while somebody follows a batch that is far from its end."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import Role
from tests.api.batches.conftest import NDJSON, WRONG
from tests.without_torch import without_torch


@pytest.fixture
def token(tmp_path: Path) -> str:
    repository = open_repository(f"sqlite:///{tmp_path / 'gradjury.sqlite'}")
    _, text = issue(repository.tokens, Role.GRADER, "prof", frozenset(), datetime.now(UTC), None)
    repository.close()
    return text


@pytest.fixture
def address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def service(tmp_path: Path, address: str, token: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", "from api.command_line import main; main()", "serve", "--no-worker"]
    environment = without_torch(tmp_path) | {
        "GRADJURY_DATABASE_URL": f"sqlite:///{tmp_path / 'gradjury.sqlite'}",
        "GRADJURY_PROCESSES": "1",
    }
    process = subprocess.Popen(
        [*command, "--port", address.rpartition(":")[2]],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.nightly)])
def test_a_service_told_to_stop_ends_the_streams_that_are_open(
    service: subprocess.Popen[bytes], address: str, token: str, number: signal.Signals
) -> None:
    with httpx2.Client(base_url=address, headers={"authorization": f"Bearer {token}"}, timeout=300) as client:
        end = time.monotonic() + 300
        while True:
            try:
                client.get("/health/live")
                break
            except httpx2.ConnectError:
                assert time.monotonic() < end
                time.sleep(0.1)
        location = client.post("/v1/batches", content=WRONG, headers=NDJSON).headers["location"]
        with client.stream("GET", f"{location}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: progress"
            service.send_signal(number)
            assert "finished" not in "".join(lines)
    output, errors = service.communicate(timeout=300)
    assert service.returncode in (0, -number, 128 + number)  # uvicorn passes the signal on when it is done
    assert output.count(b"Traceback") + errors.count(b"Traceback") == 0
