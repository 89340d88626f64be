"""Can a caller use up what all share: processes, memory, the disk, the time of a token?

    python -m benchmarks.attacks.exhaustion [PART OF A ROW'S NAME]

While each attack runs, a student submits again and again, and must be answered within 5 s.
"""

import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

from api.service import utc_now
from api.storage.records import Role
from benchmarks.support.attacking import (
    Attack,
    Watched,
    answer_of,
    attack_each,
    close_all,
    connect,
    counted,
    get,
    head,
    memory,
    once,
    request,
    slow_document,
    submit,
)
from benchmarks.support.requesting import ask, bearer, new_token
from benchmarks.support.service import ASSIGNMENT, EXAMPLE, RunningService, request_json, resident_memory

_QUOTA = 600_000  # bytes kept of a student: who submits beside the attack stays below
_PADDED = 120  # submissions of 500 kB of blanks


def main() -> int:
    return attack_each("exhaustion: what all share", _ATTACKS)


def _killed_judges(service: RunningService) -> tuple[str, bool]:
    """Kill the judging process under a caller's slow checks, 20 times: what an input that kills does."""
    whole = request("POST", "/v1/checks", service.tokens["ci"], slow_document())
    connections = [connect(service.port, whole) for _ in range(4)]
    killed, end = 0, monotonic() + 40
    while killed < 20 and monotonic() < end:
        for process in list(_judges(service)):
            if killed < 20 and _is_slow(process):
                with suppress(OSError):
                    os.kill(process, signal.SIGKILL)
                    killed += 1
    statuses = sorted(answer_of(connection, 60)[0] for connection in connections)
    close_all(connections)
    zombies = sum(1 for process in resident_memory(service.process) if _state(process) == "Z")
    well = killed > 5 and not zombies and 0 not in statuses and max(statuses) < 500
    return f"{killed} killed, slow ones {statuses}, {zombies} zombies", well


def _memory_bombs(service: RunningService) -> tuple[str, bool]:
    """Check documents that need more memory than one may use, 10 times, and see whether it is given back."""
    size = 2_000
    nodes: list[dict[str, Any]] = [
        {"name": "row", "op": "reshape", "args": ["W"], "shape": [1, size]},
        {"name": "column", "op": "reshape", "args": ["W"], "shape": [size, 1]},
        {"name": "n0", "op": "multiply", "args": ["row", "column"]},
        {"name": "n1", "op": "exp", "args": ["n0"]},
        {"name": "n2", "op": "log", "args": ["n1"]},
        {"name": "end", "op": "sum", "args": ["n2"]},
    ]
    document = {
        "network": {"nodes": nodes, "output": "end"},
        "parameters": {"W": [0.5] * size},
        "gradients": {"W": [2.0] * size},
    }
    whole = request("POST", "/v1/checks", service.tokens["ci"], document)
    statuses = Counter[int]()
    for _ in range(10):
        with connect(service.port, whole) as connection:
            statuses[answer_of(connection)[0]] += 1
    resident = memory(service)
    grown = sum(resident_memory(service.process).values()) / 2**20
    well = set(statuses) <= {200, 413} and resident < 400
    return f"{counted(statuses)}; service {resident:.0f} MiB, all {grown:.0f} MiB", well


def _disk(service: RunningService) -> tuple[str, bool]:
    """Submit 25 MB of what is refused and 60 MB of padded answers, and see what is kept on the disk."""
    path = f"/v1/assignments/{service.ids['assignment_id']}/submissions"
    student = bearer(new_token(service, Role.STUDENT, "padding", service.ids["assignment_id"]))
    start = _bytes_kept(service)
    malformed = b'{"gradients": "' + b"x" * 500_000 + b'"}'
    refused = Counter(ask(service, "POST", path, student, malformed)[0] for _ in range(50))
    bad = _bytes_kept(service) - start
    padded = json.dumps({"gradients": EXAMPLE["gradients"]}).encode() + b" " * 500_000
    with ThreadPoolExecutor(4) as threads:
        requests = [threads.submit(ask, service, "POST", path, student, padded) for _ in range(_PADDED)]
        kept = Counter(each.result()[0] for each in requests)
    good = _bytes_kept(service) - start - bad
    sizes = f"{bad / 1e3:.0f} kB; padded {counted(kept)}: {good / 1e3:.0f} kB"
    well = bad < 5e6 and good < 6e6 and set(kept) == {201, 413} and set(refused) == {422}
    return f"refused {counted(refused)}: {sizes}", well


def _assignments(service: RunningService) -> tuple[str, bool]:
    """Keep 1,000 assignments, and list them."""
    grader = dict(service.tokens["grader"])
    for _ in range(1_000):
        assert request_json(service.port, "POST", "/v1/assignments", grader, ASSIGNMENT)[0] == 201
    crowd = Watched()
    for _ in range(5):
        once(service, get("/v1/assignments", "grader"), crowd)
    cookie = {"cookie": f"gradjury-token={grader['authorization'].split()[1]}"}
    begun = monotonic()
    status, _, _ = ask(service, "GET", "/assignments", cookie)
    return f"list {crowd}; page {status} {monotonic() - begun:.1f} s", crowd.well(1.0) and status == 200


def _regrades(service: RunningService) -> tuple[str, bool]:
    """Change an assignment and regrade it five times while its student submits 60 times."""
    path = f"/v1/assignments/{service.ids['assignment_id']}"
    grader = dict(service.tokens["grader"])
    statuses = Counter[int]()

    def work() -> None:
        for _ in range(30):
            statuses[submit(service)[0]] += 1

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    changed = Counter[int]()
    for points in range(1, 6):
        changed[request_json(service.port, "PUT", path, grader, {**ASSIGNMENT, "points": points})[0]] += 1
        changed[request_json(service.port, "POST", f"{path}/regrades", grader)[0]] += 1
        sleep(0.3)
    for thread in threads:
        thread.join()
    sleep(1)
    last = request_json(service.port, "POST", f"{path}/regrades", grader)[0]
    end = monotonic() + 60
    while monotonic() < end:
        rows = get(f"{path}/submissions", "grader")(service)[1]
        stale = [row for row in rows if row.get("revision", 0) and row["revision"] != 6]
        if not stale:
            break
        sleep(0.5)
    attempts = sorted(row["attempt"] for row in rows if row["student"] == "student")
    whole = attempts == list(range(1, len(attempts) + 1))
    worths = {row.get("worth") for row in rows if row["revision"] == 6}
    seen = f"{statuses[201]} kept, changes {dict(changed)}, last {last}; {len(stale)} of an earlier revision"
    return seen, whole and statuses[201] == 60 and not stale and worths == {5.0}


def _clock(service: RunningService) -> tuple[str, bool]:
    """Use tokens whose last second passes while they are in use."""
    minute = timedelta(minutes=1)
    begun = utc_now() - minute + timedelta(seconds=5)
    caller = bearer(
        new_token(service, Role.CI, "ci", service.ids["assignment_id"], begun=begun, lifetime=minute)
    )
    headers = {**caller, "content-type": "application/x-ndjson"}
    lines = b"\n".join([json.dumps(EXAMPLE).encode()] * 400)
    with connect(service.port, head("POST", "/v1/batches", headers, len(lines)) + lines) as connection:
        answer = answer_of(connection, 20)
    location = re.search(rb"location: (\S+)", answer[1])
    assert location is not None, answer
    stream = connect(service.port, head("GET", f"{location[1].decode()}/events", caller, 0))
    stream.settimeout(20)
    begun, ended = monotonic(), 20.0
    with suppress(OSError):
        while stream.recv(2**16):
            pass
        ended = monotonic() - begun
    stream.close()
    status = ask(service, "GET", "/v1/batches", caller)[0]
    return f"stream ends after {ended:.1f} s, then {status}", ended < 12 and status == 401


def _bytes_kept(service: RunningService) -> int:
    return sum(file.stat().st_size for file in service.log.parent.glob("gradjury.sqlite*"))


def _judges(service: RunningService) -> Iterator[int]:
    for process in resident_memory(service.process):
        with suppress(OSError):
            words = Path(f"/proc/{process}/cmdline").read_bytes()
            if b"forkserver" in words and _parent(process) != service.process:
                yield process


def _stat(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _state(process: int) -> str:
    with suppress(OSError):
        return _stat(process)[0]
    return ""


def _parent(process: int) -> int:
    return int(_stat(process)[1])


def _is_slow(process: int) -> bool:
    """True if a process works for half a second: a student's submission takes less."""
    for _ in range(10):
        if _state(process) != "R":
            return False
        sleep(0.05)
    return True


_ATTACKS: Mapping[str, tuple[Attack, Mapping[str, object]]] = {
    "judges that die 20 times": (_killed_judges, {}),
    "arrays of 4,000,000 from 2,000 numbers, 10 times": (_memory_bombs, {"memory_each": 2**29}),
    "refused and padded submissions on the disk": (_disk, {"largest_kept": _QUOTA}),
    "1,000 assignments of one grader": (_assignments, {}),
    "five changes and regrades among 60 submissions": (_regrades, {}),
    "a token that ends while its events are followed": (_clock, {}),
}


if __name__ == "__main__":
    sys.exit(main())
