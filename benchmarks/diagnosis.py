"""Measure how often the diagnosis names the right bug.

python -m benchmarks.diagnosis                          all of it
python -m benchmarks.diagnosis --part single --size 40  forty cases a bug
python -m benchmarks.diagnosis --part single --bug bias-zero --from 17 --size 1   one case again

The benchmark is seeded and prints its tables and every failure. The tests run a part of it.
The part `scikit-learn` requires that package, which is a test dependency.
"""

import argparse
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.support.buggy_students import STUDENTS
from benchmarks.support.diagnosing import pairs, right, scikit_learn, single, speed, tables, unknown
from benchmarks.support.diagnosing.outcome import PROVENANCE
from benchmarks.support.uncatalogued import MUTATIONS

TITLES = {
    "single": "one bug in one problem, float64",
    "float32": "one bug in one problem, computed in float32",
    "missing": "one bug in one problem, some parameters missing, half the networks without biases",
    "output-slopes": "a wrong g' at the output layer, which the catalogue has of hidden layers alone",
    "conventions": "one bug in one problem, through documents in random layouts",
}


def map_in_parallel(work: Callable, items: Iterable) -> list:
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(work, list(items), chunksize=10))


def print_single(mode: str, seeds: range, bugs: list[str]) -> None:
    bugs = [bug for bug in bugs if bug in single.MODES[mode].students]
    bugs = [bug for bug in bugs if mode != "float32" or bug not in PROVENANCE]
    work = [(bug, seed, mode) for bug in bugs for seed in seeds]
    tables.print_bugs(TITLES[mode], map_in_parallel(single.measure, work))


def print_pairs(seeds: range, bugs: list[str]) -> None:
    tables.print_pairs(map_in_parallel(pairs.measure, seeds))


def print_unknown(seeds: range, bugs: list[str]) -> None:
    work = [(name, seed) for name in MUTATIONS for seed in seeds]
    tables.print_unknown(map_in_parallel(unknown.measure, work))


def print_correct(seeds: range, bugs: list[str]) -> None:
    results = [row for results in map_in_parallel(right.measure, seeds) for row in results]
    counts = Counter(
        (precision, verdict, bool(diagnosed_bugs)) for precision, _, verdict, diagnosed_bugs in results
    )
    print(f"\n{len(results)} right submissions of {len(seeds)} random problems: is anything diagnosed?")
    for (precision, verdict, diagnosed), count in sorted(counts.items()):
        print(f"  {precision:9} {verdict:10} {'diagnosed *' if diagnosed else 'nothing':12} {count:6}")
    for precision, program, verdict, diagnosed_bugs in results:
        if diagnosed_bugs:
            print(f"  {precision}, {program}: {verdict}, {', '.join(diagnosed_bugs)}")


def print_scikit_learn(seeds: range, bugs: list[str]) -> None:
    print(f"\nscikit-learn's MLPRegressor, {scikit_learn.OUTPUTS} outputs, against its own squared error")
    for settings, summary in scikit_learn.measure():
        print(f"  {settings:32} {summary.verdict}: {' | '.join(map(str, summary.rows)) or 'nothing'}")


def print_speed(seeds: range, bugs: list[str]) -> None:
    measurements = speed.measure(len(seeds))
    judging = measurements["right"][0]
    print("\n784-128-64-10, N = 32: verify in milliseconds, and its diagnosis over its judging (target 10)")
    for text, (time, diagnosis) in measurements.items():
        print(f"  {text:34} {time:8.1f} ms {(time - judging) / judging:6.2f}  {diagnosis or 'nothing'}")


PARTS: dict[str, tuple[Callable[[range, list[str]], None], int]] = {
    **{name: (partial(print_single, name), 180) for name in single.MODES},
    "pairs": (print_pairs, 1500),
    "uncatalogued": (print_unknown, 60),
    "correct": (print_correct, 1000),
    "scikit-learn": (print_scikit_learn, 1),
    "speed": (print_speed, 7),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--size", type=int)
    parser.add_argument("--from", type=int, default=0, dest="start", help="the first seed")
    parser.add_argument("--bug", action="append", choices=STUDENTS, help="only this one, of single bugs")
    arguments = parser.parse_args()
    for name, (part, size) in PARTS.items():
        if arguments.part in (None, name):
            seeds = range(arguments.start, arguments.start + (arguments.size or size))
            part(seeds, arguments.bug or list(STUDENTS))


if __name__ == "__main__":
    main()
