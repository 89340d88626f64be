"""How long do the pages of a large class take, and what of a regrade of all its submissions?

    python -m benchmarks.attacks.large_class [--students 2000] [--attempts 5] [--databases sqlite,postgres]
        [--regrade]

The service runs in this process. Shown is the least of five times. Rows hold by its processor time, because
a busy machine lengthens the time on the clock. --regrade: judge all submissions again, which takes minutes.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, process_time, sleep

from fastapi.testclient import TestClient

from api.app import create_app
from api.service import Service, utc_now
from api.services.tokens import issue
from api.settings import Settings
from api.storage.records import Role
from benchmarks.support.attacking import Table
from benchmarks.support.durable.databases import fresh_databases
from benchmarks.support.large_class import fill_class
from benchmarks.support.service import ASSIGNMENT, EXAMPLE

_ROUNDS = 5
_POLLING = 2.0  # seconds between two looks at a job


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--students", type=int, default=2000)
    parser.add_argument("--attempts", type=int, default=5)
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--regrade", action="store_true")
    arguments = parser.parse_args()
    students, attempts = arguments.students, arguments.attempts
    table = Table(f"large_class: {students} students with {attempts} attempts each")
    for kind in arguments.databases.split(","):
        with TemporaryDirectory() as folder, fresh_databases(kind, Path(folder)) as make:
            settings = Settings(
                database_url=make(), worker=True, log_level="warning", requests_per_minute=10**6
            )
            app = create_app(settings)
            with TestClient(app) as client:
                service = app.state.service
                grader = _headers(service, Role.GRADER, "prof")
                homework = client.post("/v1/assignments", json=ASSIGNMENT, headers=grader).json()["id"]
                fill_class(service, service.repository.assignments.find(homework), students, attempts)
                student = _headers(service, Role.STUDENT, "s00001", homework)
                _pages(table, client, kind, homework, grader, student)
                if arguments.regrade:
                    _regrade(table, client, kind, homework, grader, students * attempts)
    return table.end()


def _headers(service: Service, role: Role, subject: str, *assignments: str) -> dict[str, str]:
    _, text = issue(service.repository.tokens, role, subject, frozenset(assignments), utc_now(), None)
    return {"authorization": f"Bearer {text}"}


def _pages(
    table: Table,
    client: TestClient,
    kind: str,
    homework: str,
    grader: Mapping[str, str],
    student: Mapping[str, str],
) -> None:
    path = f"/v1/assignments/{homework}"
    client.cookies.set("gradjury-token", grader["authorization"].split()[1])
    for name, address, headers, most in (
        ("overview", f"{path}/overview", grader, 0.3),
        ("grades.csv", f"{path}/grades.csv", grader, 0.3),
        ("the page of the class", f"/assignments/{homework}", grader, 0.5),
        ("all submissions", f"{path}/submissions", grader, 1.0),
        ("a student's submissions", f"{path}/submissions", student, 0.1),
    ):
        seconds, processor = [], []
        for _ in range(_ROUNDS):
            begun, busy = monotonic(), process_time()
            answer = client.get(address, headers=headers)
            seconds.append(monotonic() - begun)
            processor.append(process_time() - busy)
            answer.raise_for_status()
        times = f"processor {min(processor):.2f} s, clock {min(seconds):.2f} s"
        table.row(f"{kind}: {name}", f"{times}, {len(answer.content)} bytes", min(processor) <= most)


def _regrade(
    table: Table, client: TestClient, kind: str, homework: str, grader: Mapping[str, str], submissions: int
) -> None:
    path = f"/v1/assignments/{homework}"
    problem = {name: value for name, value in EXAMPLE.items() if name != "gradients"}
    changed = {**ASSIGNMENT, "problem": {**problem, "tolerance": "lenient"}}
    client.put(path, json=changed, headers=grader).raise_for_status()
    begun = monotonic()
    answer = client.post(f"{path}/regrades", headers=grader)
    answer.raise_for_status()
    seconds = monotonic() - begun  # with the enqueuing, which follows the answer
    table.row(f"{kind}: a regrade is enqueued", f"{answer.status_code}, {seconds:.1f} s", True)
    job, progress = answer.json(), list[int]()
    while answer.status_code == 202 and job["state"] in ("queued", "running"):
        sleep(_POLLING)
        job = client.get(answer.headers["location"], headers=grader).json()
        progress.append(job["judged"])
    seen = f"{job['judged']} judged, {len(job['refused'])} refused, {monotonic() - begun:.0f} s"
    well = job["judged"] == submissions and progress == sorted(progress)
    table.row(f"{kind}: its job ends", f"{seen}, {len(set(progress))} counts of progress", well)


if __name__ == "__main__":
    sys.exit(main())
