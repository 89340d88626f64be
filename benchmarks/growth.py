"""Measure how the time of a check grows with the number of parameters and examples.

    python -m benchmarks.growth [--picture docs/pictures/growth.svg]

The networks are w-w-w-10, with 1,000 to 10,000,000 parameters. The benchmark prints milliseconds per check,
microseconds per parameter, and the slope on log-log axes between consecutive sizes (1 is linear). With
--picture it draws them (requires matplotlib). The submissions are correct; if the certified bound of a wide
network leaves entries undecided, their number is printed.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

import argparse
from itertools import pairwise
from math import log
from pathlib import Path
from statistics import median

from benchmarks.judging import document, milliseconds_of
from verifier import verify

WIDTHS = (20, 60, 200, 700, 2200)
EXAMPLES = (8, 32, 128, 512, 2048)
WIDTH, BATCH = 200, 32


def milliseconds(width: int, examples: int) -> tuple[int, float]:
    submission = document([width, width, width, 10], examples)
    report = verify(submission)
    assert report.verdict != "incorrect"
    count = sum(array.size for array in submission["parameters"].values())
    undecided = sum(row.undecided for row in report.parameters.values())
    if undecided:
        print(f"    {width}-{width}-{width}-10, N = {examples}: {undecided} of {count} entries undecided")
    return count, median(milliseconds_of(lambda: verify(submission)) for _ in range(5 if count < 1e6 else 3))


def table(label: str, rows: list[tuple[int, float]]) -> None:
    print(f"{label:>12} {'ms':>9} {'us each':>9} {'slope':>6}")
    slopes = ["", *(f"{log(b / a) / log(n / m):6.2f}" for (m, a), (n, b) in pairwise(rows))]
    for (count, taken), slope in zip(rows, slopes, strict=True):
        print(f"{count:12,} {taken:9.1f} {1e3 * taken / count:9.3f} {slope}")


def draw(parameters: list[tuple[int, float]], examples: list[tuple[int, float]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, rows, label in ((left, parameters, "parameters"), (right, examples, "examples")):
        counts, taken = zip(*rows, strict=True)
        axes.loglog(counts, taken, "o-", label="one check")
        last_count, last = counts[-1], taken[-1]
        axes.loglog(counts, [last * n / last_count for n in counts], "--", color="grey", label="linear")
        axes.set_xlabel(label)
        axes.set_ylabel("milliseconds")
        axes.grid(alpha=0.3)
        axes.legend()
    left.set_title(f"w-w-w-10, N = {BATCH}")
    right.set_title(f"{WIDTH}-{WIDTH}-{WIDTH}-10")
    figure.savefig(path)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--picture", type=Path)
    arguments = options.parse_args()
    parameters = [milliseconds(width, BATCH) for width in WIDTHS]
    table("parameters", parameters)
    examples = [(count, milliseconds(WIDTH, count)[1]) for count in EXAMPLES]
    table("examples", examples)
    if arguments.picture:
        draw(parameters, examples, arguments.picture)


if __name__ == "__main__":
    main()
