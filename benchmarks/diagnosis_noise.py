"""Measure how often the diagnosis names the right bug in numbers with noise.

python -m benchmarks.diagnosis_noise                    every bug, kind of noise and level, one problem each
python -m benchmarks.diagnosis_noise --size 3 --right 200 --failures

The benchmark is seeded. A case counts as determined if its numbers hold enough information about the
mistake (`DETERMINED_BITS` in benchmarks/support/diagnosing/noisy.py).
"""

import argparse
import multiprocessing
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.support.diagnosing.noisy import BUGS, NO_BUG, NoisyOutcome, measure
from benchmarks.support.noise import NOISES

RIGHT = ("named", "also")
FALSE = ("false", "extra")


def map_in_parallel(items: list[tuple[str, float, str, int]], workers: int) -> list[NoisyOutcome | None]:
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(measure, items, chunksize=20))


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
    print(f"\n{'right gradients':34} {'nothing':>8} {'note':>6} {'finding':>8}")
    for name, row in counts.items():
        print(f"{name:34} {row['nothing']:8} {row['note']:6} {row['finding']:8}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1, help="problems for each bug, noise and level")
    parser.add_argument("--right", type=int, default=20, help="right gradients for each noise and level")
    parser.add_argument("--from", type=int, default=0, dest="start", help="the first seed")
    parser.add_argument("--every", type=int, default=1, help="measure each such wrong gradient only")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--failures", action="store_true", help="print every failure")
    arguments = parser.parse_args()
    places = [(name, level) for name, noise in NOISES.items() for level in noise.levels]
    seeds = range(arguments.start, arguments.start + arguments.size)
    wrong = [(*place, bug, seed) for place in places for bug in BUGS for seed in seeds][:: arguments.every]
    right_seeds = range(arguments.start, arguments.start + arguments.right)
    right = [(*place, NO_BUG, seed) for place in places for seed in right_seeds]
    outcomes = [row for row in map_in_parallel(wrong + right, arguments.workers) if row is not None]
    of_bugs = [row for row in outcomes if row.bug != NO_BUG]
    of_right = [row for row in outcomes if row.bug == NO_BUG]
    print_wrong(of_bugs)
    print_right(of_right)
    if arguments.failures:
        for row in of_bugs:
            missed = row.determined and not (row.kind in RIGHT and row.located)
            if row.kind in FALSE or (missed and row.kind != "invisible"):
                print(f"  {row}")
        for row in of_right:
            if row.kind == "finding":
                print(f"  {row}")


if __name__ == "__main__":
    main()
