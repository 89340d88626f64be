"""Check that batches survive `kill -9` of processes at random moments.

    python -m benchmarks.durability [--rounds 20] [--size 500] [--kills 3] [--databases sqlite,postgres]

Each round posts one batch over HTTP. While it is judged, the service, a worker (on Postgres there are two
more) or one of their judging processes is killed several times and started again. In one round of four the
service is also killed while the batch is posted, and the request is repeated with its Idempotency-Key. Every
accepted submission must have exactly one report, with the same verdict as in this process.
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer

from benchmarks.support.durable.databases import fresh_databases
from benchmarks.support.durable.processes import Processes
from benchmarks.support.durable.submissions import draw_submissions, verdicts_of

_TIMEOUT = 300  # seconds until a batch counts as stuck


@dataclass
class DurabilityOutcome:
    """Result of one round.

    kills: number of kills by kind of process.
    missing: submissions without a report.
    twice: reports in excess of one per submission.
    wrong: reports with a different verdict.
    """

    kills: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    accepted: int = 0
    missing: int = 0
    twice: int = 0
    wrong: int = 0


def judge_round(
    kind: str, processes: Processes, rng: random.Random, lines: list[bytes], kills: int
) -> DurabilityOutcome:
    outcome = DurabilityOutcome()
    processes.start_all()
    started = time.perf_counter()
    if rng.random() < 0.25:
        Timer(rng.uniform(0, 0.3), processes.kill, ("service",)).start()
        outcome.kills["service, posting"] += 1
    location = processes.post(b"\n".join(lines))
    marks = sorted(rng.uniform(0, 0.9) for _ in range(kills))
    for mark in marks:
        _wait(processes, location, mark * len(lines))
        outcome.kills[processes.kill_one(rng)] += 1
    _wait(processes, location, len(lines))
    outcome.seconds = time.perf_counter() - started
    outcome.accepted = len(lines)
    _count(outcome, processes, location, lines)
    processes.stop_all()
    return outcome


def _wait(processes: Processes, location: str, least: float) -> None:
    end = time.monotonic() + _TIMEOUT
    while True:
        document = processes.get(location).json()
        done = document["total"] - document["states"]["pending"]
        if done >= least:
            return
        if time.monotonic() > end:
            raise SystemExit(f"stuck at {document['states']}; logs in {processes.folder}")
        time.sleep(0.05)


def _count(outcome: DurabilityOutcome, processes: Processes, location: str, lines: list[bytes]) -> None:
    answer = processes.get(f"{location}/reports?most=1000")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    reports = [row["report"] for row in rows]
    expected = verdicts_of(lines)
    outcome.missing = len(lines) - sum(report is not None for report in reports)
    outcome.twice = processes.stored_reports() - sum(report is not None for report in reports)
    outcome.wrong = sum(
        report is None or report["verdict"] != verdict
        for report, verdict in zip(reports, expected, strict=False)
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    lines = draw_submissions(arguments.size, arguments.seed)
    print(f"{'database':10}{'round':>6}{'seconds':>9}{'accepted':>10}  lost twice wrong  killed")
    for kind in arguments.databases.split(","):
        total = DurabilityOutcome()
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            databases = stack.enter_context(fresh_databases(kind, folder))
            for number in range(1, arguments.rounds + 1):
                rng = random.Random(f"{arguments.seed} {kind} {number}")
                workers = 2 if kind == "postgres" else 0
                with Processes(databases(), folder, workers) as processes:
                    outcome = judge_round(kind, processes, rng, lines, arguments.kills)
                _print(kind, str(number), outcome)
                total.kills += outcome.kills
                for name in ("seconds", "accepted", "missing", "twice", "wrong"):
                    setattr(total, name, getattr(total, name) + getattr(outcome, name))
        _print(kind, "all", total)


def _print(kind: str, number: str, outcome: DurabilityOutcome) -> None:
    killed = ", ".join(f"{count} {what}" for what, count in sorted(outcome.kills.items()))
    print(
        f"{kind:10}{number:>6}{outcome.seconds:9.1f}{outcome.accepted:10}{outcome.missing:6}{outcome.twice:6}"
        f"{outcome.wrong:6}  {killed}",
        flush=True,
    )


if __name__ == "__main__":
    main()
