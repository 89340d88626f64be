"""A running service, with a grader, a class, and people who are logged in."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Page

from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import Role
from tests.api.clients import problem_of
from tests.prefork.programs import COLD
from tests.without_torch import without_torch
from verifier.examples.layers import example_document

EXAMPLE = example_document("every-equation")
NAMES = list(EXAMPLE["gradients"])
UNLIMITED = {
    f"GRADJURY_{name}_PER_MINUTE": "1000000" for name in ("CHECKS", "SUBMISSIONS", "REQUESTS", "REFUSED")
} | {"GRADJURY_DATABASE_WAIT": "300"}


def scaled_gradients(factor: float, *names: str) -> dict[str, Any]:
    """The example's gradients, some of them by a factor off."""
    changed = {name: (factor * np.array(EXAMPLE["gradients"][name])).tolist() for name in names}
    return {"gradients": {**EXAMPLE["gradients"], **changed}}


CLASS = {
    "ada": scaled_gradients(2.0, *NAMES),
    "bob": scaled_gradients(1.0),
    "cleo": scaled_gradients(2.0, *NAMES),
    "dan": scaled_gradients(1 + 1e-5, NAMES[0]),
    "eve": {"gradients": {name: EXAMPLE["gradients"][name] for name in NAMES[1:]}},
    "fay": scaled_gradients(-1.0, NAMES[2]),
}


@dataclass(frozen=True)
class Site:
    """address: of the service. homework: its assignment. submissions: each student's page."""

    address: str
    grader: str
    student: str
    homework: str
    submissions: dict[str, str]

    def batch(self, documents: list[str]) -> str:
        """Send a batch as its grader; gives its page."""
        headers = {"authorization": f"Bearer {self.grader}", "content-type": "application/x-ndjson"}
        with httpx2.Client(base_url=self.address, timeout=300) as client:
            answer = client.post("/v1/batches", content="\n".join(documents), headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.headers["location"]).removeprefix("/v1")

    def log_in(self, page: Page, token: str) -> None:
        """Log a page's browser in without the form."""
        cookie = {"name": "gradjury-token", "value": token, "url": self.address, "sameSite": "Strict"}
        page.context.add_cookies([cookie])  # type: ignore[list-item]


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Where a service runs, and its database."""
    folder = tmp_path_factory.mktemp("site")
    database = f"sqlite:///{folder / 'gradjury.sqlite'}"
    log = folder / "log"
    with log.open("wb") as stream:
        service = subprocess.Popen(
            [COLD, "serve", "--port", "0", "--database-url", database],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            env={**without_torch(folder), **UNLIMITED, "PYTHONUNBUFFERED": "1", "GRADJURY_PROCESSES": "2"},
        )
    yield _started(service, log), database
    service.send_signal(signal.SIGINT)
    assert service.wait(timeout=300) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def _started(service: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = monotonic() + 300
    while monotonic() < deadline and service.poll() is None:
        if match := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return match.group()
        sleep(0.1)
    raise AssertionError("the service did not start:\n" + log.read_text())


@pytest.fixture(scope="session")
def site(address: tuple[str, str]) -> Site:
    url, database = address
    repository = open_repository(database)

    def token(role: Role, subject: str, *opens: str) -> str:
        return issue(repository.tokens, role, subject, frozenset(opens), datetime.now(UTC), None)[1]

    grader = token(Role.GRADER, "prof")
    document = {
        "problem": problem_of(EXAMPLE),
        "title": "Backpropagation by hand",
        "points": 8,
        "attempts": 50,
    }
    with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {grader}"}, timeout=300) as client:
        made = client.post("/v1/assignments", json=document)
        assert made.status_code == 201, made.text
        homework = made.json()["id"]
        submissions = {}
        for name, body in CLASS.items():
            answer = client.post(f"/v1/assignments/{homework}/submissions?student={name}", json=body)
            assert answer.status_code == 201, answer.text
            submissions[name] = answer.headers["link"].partition(">")[0].removeprefix("</v1")
    student = token(Role.STUDENT, "ada", homework)
    repository.close()
    return Site(url, grader, student, homework, submissions)


@pytest.fixture
def graders_page(site: Site, new_page: Callable[..., Page]) -> Page:
    page = new_page()
    site.log_in(page, site.grader)
    return page


@pytest.fixture
def students_page(site: Site, new_page: Callable[..., Page]) -> Page:
    page = new_page()
    site.log_in(page, site.student)
    return page
