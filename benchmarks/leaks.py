"""Measure how much information about a hidden gradient students can get from reports.

python -m benchmarks.leaks                about 3 minutes on 2 cores
python -m benchmarks.leaks --part bits --size 500

The benchmark is seeded. The tests run a part of it.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.support.leaking import graph
from benchmarks.support.leaking.counting import bound
from benchmarks.support.leaking.guessing import RANGE, digit_by_digit, scan_tolerance
from benchmarks.support.leaking.question import GUESSED, LAYERS, LEVELS, PARAMETERS
from benchmarks.support.leaking.telling import measure_levels
from benchmarks.support.leaking.timing import BINS, in_process, information, through_service
from verifier.exporters.student_view import ENOUGH


def print_bits(size: int) -> None:
    print(f"\nbits that one submission tells: at most, by count; and of {size} different submissions")
    print(f"{'students see':28} {'bound':>7} {'documents':>10} {'entropy':>8}")
    for level, (distinct, bits) in measure_levels(size).items():
        most = bound(LEVELS[level], LAYERS, PARAMETERS)
        print(f"{level:28} {most:7.2f} {distinct:10} {bits:8.2f}")


def print_graph(size: int) -> None:
    print(f"\nthe same of a graph, CS231n's circuit: 13 gradients of one number each, {size} submissions")
    print(f"{'students see':28} {'bound':>7} {'documents':>10} {'entropy':>8}")
    for level, (distinct, bits) in graph.measure_levels(size).items():
        print(f"{level:28} {graph.bound(LEVELS[level]):7.2f} {distinct:10} {bits:8.2f}")
    targets = graph.targets_for_guess()
    print(f"wrong numbers that a name is told of: {min(targets)} to {max(targets)} of each gradient")


def print_guessing(size: int) -> None:
    print(f"\nguessing one number ({GUESSED}) by its verdict, known to lie between -{RANGE:g} and {RANGE:g}")
    print("after the first hit, both edges of what passes are bisected")
    columns = ("tolerance", "precision", "radius", "expected", "made", "then", "digits more")
    print("{:10} {:10} {:>8} {:>9} {:>6} {:>5} {:>12}".format(*columns))
    for tolerance, precision in (
        ("standard", "float64"),
        ("lenient", "float64"),
        ("standard", "float32"),
        ("standard", "float16"),
        ("standard", "bfloat16"),
    ):
        result = scan_tolerance(tolerance, precision)
        made = "" if result.made is None else result.made
        print(
            f"{tolerance:10} {precision:10} {result.radius:8.1e} {result.expected:9.0f} {made:>6} "
            f"{result.bisecting:5} {result.digits:12.1f}"
        )
    print("\nguessing it decimal by decimal, by the hint of what is right as far as its digits go")
    for enough, when in ((1, "hints told of one number"), (ENOUGH, "as it is")):
        made, digits = digit_by_digit(enough)
        print(f"{when:26} {made:4} submissions, {digits} right decimals")


def print_timing(size: int) -> None:
    print("\nseconds until the answer: median and tenths; what they tell, in bits (+- what chance would)")
    print(f"plug-in over {BINS} bins of equal counts, less its mean over permutations")
    for where, (names, seconds) in (
        ("in process", in_process(size)),
        ("service, grid 0", through_service(size, 0.0)),
        ("service, grid 0.25", through_service(max(4, size // 2), 0.25)),
    ):
        times = np.array(seconds)
        print(f"{where}, {len(names)} submissions")
        for name in dict.fromkeys(names):
            low, middle, high = np.quantile(times[np.array(names) == name], (0.1, 0.5, 0.9))
            print(f"  {name:10} {middle:7.4f}  ({low:.4f} to {high:.4f})")
        verdicts = ["right" if name == "right" else "wrong" for name in names]
        for what, classes in (("verdict", verdicts), ("kind", names)):
            bits, chance = information(classes, seconds)
            print(f"  time tells of the {what}: {bits:.2f} bits (+- {chance:.2f})")


PARTS = {
    "bits": (print_bits, 2000),
    "graph": (print_graph, 2000),
    "guessing": (print_guessing, 1),
    "timing": (print_timing, 40),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--size", type=int)
    arguments = parser.parse_args()
    for name, (part, size) in PARTS.items():
        if arguments.part in (None, name):
            part(arguments.size or size)


if __name__ == "__main__":
    main()
