"""Do pages that are worked out from something let a crowd hold up the others?

    python -m benchmarks.attacks.derived

A6, A7 and A8 of the review: readiness and a cold gallery were judged for everybody who asked, and one large
assignment was parsed whenever anybody listed assignments.
"""

import sys
from collections.abc import Callable
from threading import Thread
from typing import Any

from benchmarks.support.attacking import Table, Watched, get, live, once, submit, watching
from benchmarks.support.service import EXAMPLE, RunningService, request_json, running_service

_MOST = 5.0  # seconds of a student's answer
_LARGE = 2_000_000  # numbers of an assignment: 20 MB


def main() -> int:
    table = Table("derived: what everybody may ask for")
    with running_service(processes=2) as service:
        _crowd(service, table, "400 × 3 of readiness (A6)", get("/health/ready"), 3, 400)
    with running_service(processes=2) as service:
        _crowd(service, table, "60 visitors of a cold gallery (A7)", _page("/gallery"), 1, 60)
        _crowd(service, table, "60 visitors of a cold example", _page("/examples/gallery/neuroph"), 1, 60)
        _large_assignment(service, table)
    return table.end()


def _crowd(
    service: RunningService,
    table: Table,
    name: str,
    call: Callable[[RunningService], tuple[int, Any]],
    times: int,
    count: int,
) -> None:
    crowd = Watched()

    def visit() -> None:
        for _ in range(times):
            once(service, call, crowd)

    threads = [Thread(target=visit) for _ in range(count)]
    with watching(service, submit) as student:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    table.row(name, f"student: {student}; crowd: {crowd}", student.well(_MOST) and not crowd.failures)


def _page(path: str) -> Callable[[RunningService], tuple[int, Any]]:
    """Return a function that asks for a page."""

    def call(service: RunningService) -> tuple[int, Any]:
        from urllib.request import urlopen  # here alone

        with urlopen(service.url + path, timeout=120) as answer:
            return int(answer.status), answer.read()

    return call


def _large_assignment(service: RunningService, table: Table) -> None:
    """Keep one large assignment, and list assignments from ten connections."""
    problem = {key: value for key, value in EXAMPLE.items() if key != "gradients"}
    problem["inputs"] = problem["inputs"] * (_LARGE // len(problem["inputs"]) // len(problem["inputs"][0]))
    problem["targets"] = (problem["targets"] * len(problem["inputs"]))[: len(problem["inputs"])]
    grader = service.tokens["grader"]
    with watching(service, live, pause=0.02) as others:
        status, _, _ = request_json(service.port, "POST", "/v1/assignments", grader, {"problem": problem})
    table.row("an assignment of 2,000,000 numbers is kept", f"{status}; others {others}", others.well(_MOST))
    crowd = Watched()
    threads = [Thread(target=once, args=(service, get("/v1/assignments", "ci"), crowd)) for _ in range(10)]
    with watching(service, live, pause=0.02) as others:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seen = f"lists: {crowd}; others {others}"
    table.row("    ten list assignments at once (A8)", seen, crowd.well(1.0) and others.well(1.0))


if __name__ == "__main__":
    sys.exit(main())
