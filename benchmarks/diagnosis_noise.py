"""Measure how often the diagnosis names the right bug in numbers with noise.

python -m benchmarks.diagnosis_noise                    every bug, kind of noise and level, one problem each
python -m benchmarks.diagnosis_noise --size 3 --right 200 --failures
python -m benchmarks.diagnosis_noise --part right --from 40 --right 20    a slice of one part

The benchmark is seeded. A case counts as determined if its numbers hold enough information about the
mistake (`DETERMINED_BITS` in benchmarks/support/diagnosing/noisy.py).
"""

import argparse
import multiprocessing
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.support.diagnosing.noisy import BUGS, NO_BUG, NoisyOutcome, measure, measure_unknown
from benchmarks.support.noise import NOISES
from benchmarks.support.uncatalogued import MUTATIONS

Work = tuple[str, float, str, int]
RIGHT = ("named", "also")
FALSE = ("false", "extra")
PARTS = ("wrong", "right", "unknown")


def map_in_parallel(
    judge: Callable[[Work], NoisyOutcome | None], items: list[Work], workers: int
) -> list[NoisyOutcome]:
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        return [outcome for outcome in pool.map(judge, items, chunksize=20) if outcome is not None]


def print_wrong(outcomes: Iterable[NoisyOutcome]) -> None:
    rows: dict[str, list[NoisyOutcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.kind != "invisible":
            rows[outcome.noise].append(outcome)
            rows[f"  {outcome.noise} {outcome.level:g}"].append(outcome)
            rows["all"].append(outcome)
    print(f"{'noise':34} {'seen':>5} {'determined':>10} {'named':>7} {'located':>8} {'false':>6} of seen")
    for name, seen in rows.items():
        determined = [outcome for outcome in seen if outcome.determined]
        count = max(len(determined), 1)
        named = sum(outcome.kind in RIGHT for outcome in determined) / count
        located = sum(outcome.located for outcome in determined) / count
        false = sum(outcome.kind in FALSE for outcome in seen) / len(seen)
        print(f"{name:34} {len(seen):5} {len(determined):10} {named:7.1%} {located:8.1%} {false:6.1%}")


def print_right(outcomes: Iterable[NoisyOutcome]) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        counts[outcome.noise][outcome.kind] += 1
        counts["all"][outcome.kind] += 1
    print(f"\n{'right gradients':34} {'nothing':>8} {'true note':>9} {'untrue note':>11} {'finding':>8}")
    for name, row in counts.items():
        print(f"{name:34} {row['nothing']:8} {row['note']:9} {row['untrue']:11} {row['finding']:8}")


def print_unknown(outcomes: Iterable[NoisyOutcome]) -> None:
    rows: dict[str, list[NoisyOutcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.kind not in ("invisible", "coincident"):
            rows[outcome.noise].append(outcome)
            rows["all"].append(outcome)
    print(
        f"\n{'mistakes of no catalogue':34} {'seen':>5} {'determined':>10} {'unexplained':>12} {'false':>6}"
    )
    for name, seen in rows.items():
        determined = [outcome for outcome in seen if outcome.determined]
        right = sum(o.kind == "unexplained" and o.located for o in determined) / max(len(determined), 1)
        false = sum(outcome.kind == "false" for outcome in seen) / len(seen)
        print(f"{name:34} {len(seen):5} {len(determined):10} {right:12.1%} {false:6.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, action="append", help="measure this part; by default all")
    parser.add_argument("--size", type=int, default=1, help="problems for each bug, noise and level")
    parser.add_argument("--right", type=int, default=20, help="right gradients for each noise and level")
    parser.add_argument("--from", type=int, default=0, dest="start", help="the first seed")
    parser.add_argument("--every", type=int, default=1, help="measure only each such wrong gradient")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--failures", action="store_true", help="print every failure")
    arguments = parser.parse_args()
    places = [(name, level) for name, noise in NOISES.items() for level in noise.levels]
    seeds = range(arguments.start, arguments.start + arguments.size)
    wrong = [(*place, bug, seed) for place in places for bug in BUGS for seed in seeds]
    right_seeds = range(arguments.start, arguments.start + arguments.right)
    right = [(*place, NO_BUG, seed) for place in places for seed in right_seeds]
    unknown = [(*place, name, seed) for place in places for name in MUTATIONS for seed in seeds]
    parts: Iterable[str] = arguments.part or PARTS
    of_bugs: list[NoisyOutcome] = []
    of_right: list[NoisyOutcome] = []
    of_unknown: list[NoisyOutcome] = []
    if "wrong" in parts:
        of_bugs = map_in_parallel(measure, wrong[:: arguments.every], arguments.workers)
        print_wrong(of_bugs)
    if "right" in parts:
        of_right = map_in_parallel(measure, right, arguments.workers)
        print_right(of_right)
    if "unknown" in parts:
        of_unknown = map_in_parallel(measure_unknown, unknown[:: arguments.every], arguments.workers)
        print_unknown(of_unknown)
    if arguments.failures:
        missed = [row for row in of_bugs if row.determined and not (row.kind in RIGHT and row.located)]
        failures = [row for row in of_bugs if row.kind in FALSE or row in missed]
        failures += [row for row in of_right if row.kind in ("finding", "untrue")]
        failures += [row for row in of_unknown if row.kind != "unexplained" or not row.located]
        for row in failures:
            if row.kind not in ("invisible", "coincident"):
                print(f"  {row}")


if __name__ == "__main__":
    main()
