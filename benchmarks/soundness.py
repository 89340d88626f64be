"""Measure how often verdicts on correct and wrong submissions are right.

python -m benchmarks.soundness            all of it, about 15 minutes on 2 cores
python -m benchmarks.soundness --part cases --size 100

The benchmark is seeded. The tests run a part of it.
"""

import argparse
import multiprocessing
import os
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.support.cases import LabelledSubmission, seventeen_cases
from benchmarks.support.kinks import consistent_gradients, draw_kinked, draw_tied, mixed_gradients
from benchmarks.support.peers import installed_peers, peer_outcome
from benchmarks.support.random_problems import draw
from benchmarks.support.structured import INPUTS, correct_gradients, draw_structured
from benchmarks.support.students import ORDERS, numpy_student, torch_student
from reference_impl import Problem, forward, named
from verifier import verify
from verifier.documents.reading import read_submission
from verifier.documents.writing import submission_to_document
from verifier.engine.enclosure import enclosed
from verifier.engine.rounding_allowance import rounding
from verifier.oracles import answer_of
from verifier.problem.loss import loss_fields
from verifier.problem.precision import PRECISIONS
from verifier.problem.submission import EXAMPLE_AXES, TOLERANCES, WEIGHT_LAYOUTS, Convention, Submission

ERROR_MULTIPLES = (10.0, 20.0, 40.0)  # times the actual rounding error
SIZES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12)
# the oracles that decide; the others are tested elsewhere and take most of the time
DECIDING_ORACLES = ("backpropagation", "finite_differences")


def submission(problem: Problem, gradients: dict, precision: str, tolerance: str) -> Submission:
    arrays = {name: np.asarray(array, dtype=np.float64) for name, array in gradients.items()}
    return Submission(
        None, problem, arrays, PRECISIONS[precision], None, TOLERANCES[tolerance], Convention(), {}
    )


def in_random_layout(submitted: Submission, rng: np.random.Generator) -> Submission:
    """Return the submission after writing it as a document in a random layout and reading it."""
    convention = Convention(str(rng.choice(WEIGHT_LAYOUTS)), str(rng.choice(EXAMPLE_AXES)))
    loss = loss_fields(submitted.problem.risk)
    return read_submission(
        submission_to_document(replace(submitted, convention=convention, graded_under=loss))
    )


def verdict_on(case: LabelledSubmission, tolerance: str) -> str:
    return str(verify(submission(case.problem, case.gradients, "float64", tolerance)).verdict)


def correct_submissions(problem: Problem, rng: np.random.Generator) -> Iterator[tuple[str, str, dict]]:
    """Yield (precision, program, gradients) of correct backward passes that do not overflow."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for precision in PRECISIONS:
            by_program = {}
            order = str(rng.choice(ORDERS))
            by_program[f"numpy {order}"] = numpy_student(problem, precision, order, rng)
            if not problem.risk.penalties:
                by_program["torch"] = torch_student(problem, precision)
            for program, gradients in by_program.items():
                if all(np.isfinite(array.astype(float)).all() for array in gradients.values()):
                    yield precision, program, gradients


def verdicts_on_correct(seed: int) -> list[tuple[str, str, str, str]]:
    """Return (precision, program, tolerance, verdict) of the correct submissions of one random problem."""
    rng = np.random.default_rng([seed, 1])
    problem = draw(rng)
    results = []
    for precision, program, gradients in correct_submissions(problem, rng):
        for tolerance in ("standard", "strict"):
            submitted = in_random_layout(submission(problem, gradients, precision, tolerance), rng)
            report = verify(submitted, oracles=DECIDING_ORACLES)
            results.append((precision, program, tolerance, str(report.verdict)))
    return results


@dataclass(frozen=True)
class PlantedError:
    precision: str
    tolerance: str
    size: float
    verdict: str


def planted_errors(seed: int) -> list[PlantedError]:
    """Add errors of several sizes, relative to the entry's scale, to one entry of a correct gradient."""
    rng = np.random.default_rng([seed, 2])
    problem = draw(rng)
    trace = forward(problem.network, problem.parameters, problem.batch)
    right = {name: numpy_student(problem, name, "blas", rng) for name in ("float64", "float32")}
    rounding_allowance = {name: rounding(problem, trace, PRECISIONS[name]) for name in right}
    kinks = enclosed(problem, rounding_allowance["float64"].kinks)
    entries = [
        (name, tuple(index))
        for name, scale in rounding_allowance["float64"].scale.items()
        for index in np.argwhere((scale > 0) & (kinks[name].subgradient_radius is None))
    ]
    if not entries:
        return []
    name, index = entries[rng.integers(len(entries))]
    index = tuple(int(i) for i in index)
    sign = float(rng.choice([-1.0, 1.0]))
    results = []

    def judge(precision: str, tolerance: str, size: float, amount: float) -> None:
        gradients = {key: array.astype(float) for key, array in right[precision].items()}
        gradients[name][index] += sign * amount
        report = verify(submission(problem, gradients, precision, tolerance), oracles=DECIDING_ORACLES)
        results.append(PlantedError(precision, tolerance, size, str(report.parameters[name].verdict)))

    for size in SIZES:
        amount = size * float(rounding_allowance["float64"].scale[name][index])
        for tolerance in ("strict", "standard"):
            judge("float64", tolerance, size, amount)
    for times in (1.0, 3.0, 10.0):
        amount = times * float(rounding_allowance["float32"].allowance[name][index])
        judge("float32", "strict", times, amount)
    return results


def correct_on_structure(seed: int) -> list[tuple[str, str, str, str]]:
    """Return (kind, precision, program, verdict) of correct gradients for every kind and precision."""
    results = []
    for (number, kind), precision in product(enumerate(INPUTS), PRECISIONS):
        rng = np.random.default_rng([seed, number, list(PRECISIONS).index(precision)])
        problem = draw_structured(rng, kind)
        for program, gradients in finite_gradients(correct_gradients(problem, precision, rng)):
            report = verify(submission(problem, gradients, precision, "strict"), oracles=DECIDING_ORACLES[:1])
            results.append((kind, precision, program, str(report.verdict)))
    return results


def finite_gradients(gradients: Iterable[tuple[str, dict]]) -> Iterator[tuple[str, dict]]:
    """Yield the gradients without overflow, which is frequent in narrow formats."""
    for program, arrays in gradients:
        if all(np.isfinite(np.asarray(array, float)).all() for array in arrays.values()):
            yield program, arrays


@dataclass(frozen=True)
class StructureErrors:
    """Errors in float32 gradients, as multiples of the rounding error of correct programs.

    verdicts: (multiple, verdict) of each error.
    allowance: ratio of the allowance to the rounding error (root mean squares) per program and parameter.
    """

    kind: str
    verdicts: tuple[tuple[float, str], ...]
    allowance: tuple[float, ...]


def errors_on_structure(seed: int) -> list[StructureErrors]:
    """Add errors of 10, 20 and 40 times the actual rounding error to one entry.

    The actual rounding error is the largest of all programs and orders of summation, relative to the scale.
    """
    results = []
    for number, kind in enumerate(INPUTS):
        rng = np.random.default_rng([seed, number, 9])
        problem = draw_structured(rng, kind)
        trace = forward(problem.network, problem.parameters, problem.batch)
        rounding_allowance = rounding(problem, trace, PRECISIONS["float32"])
        truth = enclosed(problem, rounding_allowance.kinks, PRECISIONS["float32"])
        names = [name for name, estimate in truth.items() if estimate.subgradient_radius is None]
        programs = [
            gradients for _, gradients in finite_gradients(correct_gradients(problem, "float32", rng))
        ]
        # every error is undecided if the rounding error is as large as the gradient
        names = [
            n
            for n in names
            if rounding_allowance.allowance[n].max() < 0.01 * rounding_allowance.scale[n].max()
        ]
        if not names or not programs:
            continue
        rounding_errors = {
            n: [np.abs(gradients[n].astype(float) - truth[n].value) for gradients in programs] for n in names
        }
        with np.errstate(all="ignore"):
            committed = max(
                float(
                    np.nanmax(
                        np.where(rounding_allowance.scale[n] > 0, error / rounding_allowance.scale[n], 0.0)
                    )
                )
                for n, errors in rounding_errors.items()
                for error in errors
            )
        if not committed:  # every program is exact
            continue
        name = names[rng.integers(len(names))]
        scale = rounding_allowance.scale[name]
        index = np.unravel_index(int(rng.choice(np.flatnonzero(scale > 0.01 * scale.max()))), scale.shape)
        verdicts = []
        for times in ERROR_MULTIPLES:
            gradients = {key: array.astype(float) for key, array in programs[0].items()}
            gradients[name][index] += rng.choice([-1.0, 1.0]) * times * committed * scale[index]
            report = verify(submission(problem, gradients, "float32", "strict"), oracles=DECIDING_ORACLES[:1])
            verdicts.append((times, str(report.parameters[name].verdict)))
        ratios = [
            _root_mean_square(rounding_allowance.allowance[n]) / _root_mean_square(error)
            for n, errors in rounding_errors.items()
            for error in errors
            if error.any()
        ]
        results.append(StructureErrors(kind, tuple(verdicts), tuple(ratios)))
    return results


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@dataclass(frozen=True)
class KinkVerdicts:
    """Verdicts on gradients at kinks and ties.

    consistent: gradients for one choice of subgradients.
    mixed: gradients for two choices; None if one choice may be consistent with both.
    shared, unshared: gradients at ties of max, with consistent and inconsistent shares.
    """

    consistent: str
    mixed: str | None
    shared: str
    unshared: str


def verdicts_at_kinks(seed: int) -> KinkVerdicts:
    """Judge a network at 1 to 20 kinks and a graph with ties of max."""
    rng = np.random.default_rng([seed, 7])
    problem = draw_kinked(rng)

    def judge(gradients: dict) -> str:
        return str(verify({**problem.document, "gradients": gradients}, oracles=DECIDING_ORACLES[:1]).verdict)

    right, wrong = consistent_gradients(problem, rng), mixed_gradients(problem, rng)
    ties = [draw_tied(rng, consistent=is_consistent) for is_consistent in (True, False)]
    return KinkVerdicts(
        judge(right),
        None if wrong is None else judge(wrong),
        *(str(verify(document, oracles=DECIDING_ORACLES[:1]).verdict) for document in ties),
    )


def check_containment(seed: int) -> tuple[int, bool, float]:
    """Compare certified intervals with values of 77 digits.

    Return the number of parameters, whether all intervals contain the value, and the median relative radius.
    """
    rng = np.random.default_rng([seed, 3])
    problem = draw(rng, widest=16, most=8)
    trace = forward(problem.network, problem.parameters, problem.batch)
    float64_rounding = rounding(problem, trace, PRECISIONS["float64"])
    truth = answer_of("high_precision", problem, float64_rounding).gradient
    contained, radii = True, []
    for name, estimate in enclosed(problem, float64_rounding.kinks).items():
        known = np.isfinite(truth[name].error)
        inside = np.abs(estimate.value - truth[name].value) <= estimate.half_width + truth[name].error
        contained = contained and bool(inside[known].all()) and bool(np.isfinite(estimate.error).all())
        with np.errstate(all="ignore"):
            radii.append((estimate.error / np.abs(truth[name].value))[known & (truth[name].value != 0)])
    radii = np.concatenate(radii)
    size = sum(array.size for _, array in named(problem.parameters))
    return size, contained, float(np.median(radii)) if radii.size else 0.0


def allowance_ratios(seed: int) -> list[tuple[str, float]]:
    """Return the ratio of the allowance to the actual rounding error (root mean squares) per parameter."""
    rng = np.random.default_rng([seed, 1])
    problem = draw(rng)
    trace = forward(problem.network, problem.parameters, problem.batch)
    truth = enclosed(problem, rounding(problem, trace, PRECISIONS["float64"]).kinks)
    ratios = []
    for precision, _, gradients in correct_submissions(problem, rng):
        allowance = rounding(problem, trace, PRECISIONS[precision]).allowance
        for name, estimate in truth.items():
            if estimate.subgradient_radius is not None:
                continue
            rounding_error = np.sqrt(np.mean(np.square(gradients[name].astype(float) - estimate.value)))
            if rounding_error > 0:
                ratios.append(
                    (precision, float(np.sqrt(np.mean(np.square(allowance[name]))) / rounding_error))
                )
    return ratios


def map_in_parallel(work, seeds: range, chunk: int = 20) -> list:
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(work, seeds, chunksize=chunk))


def print_cases(size: int) -> None:
    peers = installed_peers()
    print("\n17 cases: what was said of each, and whether that is right (*: it is not)")
    print(f"{'case':5} {'':42} {'strict':10} {'standard':10} " + " ".join(f"{name:12}" for name in peers))
    wrong: dict[str, int] = defaultdict(int)
    for case in seventeen_cases():
        cells = []
        for tolerance in ("strict", "standard"):
            verdict = verdict_on(case, tolerance)
            right = verdict == ("correct" if case.correct else "incorrect")
            wrong[tolerance] += not right
            cells.append(f"{verdict + ('' if right else ' *'):10}")
        for name, peer in peers.items():
            result = peer_outcome(peer, case)
            right = (result == "passed") == case.correct
            wrong[name] += not right
            cells.append(f"{result + ('' if right else ' *'):12}")
        print(f"{case.name:5} {case.description:42} " + " ".join(cells))
    total = len(seventeen_cases())
    print("right: " + ", ".join(f"{name} {total - count} of {total}" for name, count in wrong.items()))


def print_correct(size: int) -> None:
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    submissions = 0
    for results in map_in_parallel(verdicts_on_correct, range(size)):
        for precision, _, tolerance, verdict in results:
            counts[precision, tolerance][verdict] += 1
            submissions += tolerance == "standard"
    print(f"\n{submissions} right submissions of {size} random problems")
    print(f"{'precision':10} {'tolerance':10} {'correct':>8} {'undecided':>10} {'incorrect':>10}")
    for (precision, tolerance), verdicts in sorted(counts.items()):
        row = [verdicts[v] for v in ("correct", "undecided", "incorrect")]
        print(f"{precision:10} {tolerance:10} {row[0]:8} {row[1]:10} {row[2]:10}")


def print_planted(size: int) -> None:
    counts: dict[tuple[str, str, float], list[int]] = defaultdict(lambda: [0, 0])
    submissions = 0
    for results in map_in_parallel(planted_errors, range(size)):
        submissions += len(results)
        for planted in results:
            row = counts[planted.precision, planted.tolerance, planted.size]
            row[0] += planted.verdict == "incorrect"
            row[1] += 1
    print(f"\n{submissions} submissions with one planted error in one entry of {size} random problems")
    print("found, by the error's size relative to the entry's scale (float32: over the allowance)")
    for precision, tolerance in (("float64", "strict"), ("float64", "standard"), ("float32", "strict")):
        cells = [
            f"{key[2]:g}: {incorrect / total:.2%}"
            for key, (incorrect, total) in counts.items()
            if key[:2] == (precision, tolerance)
        ]
        print(f"  {precision} {tolerance}: " + "  ".join(cells))


def print_containment(size: int) -> None:
    results = map_in_parallel(check_containment, range(size))
    print(f"\nenclosures that contain the 77-digit truth: {sum(r[1] for r in results)} of {len(results)}")
    print("median relative radius by number of parameters:")
    for low, high in ((1, 30), (30, 100), (100, 300), (300, 10_000)):
        radii = [radius for entries, _, radius in results if low <= entries < high]
        if radii:
            print(f"  {low:4} to {high:5}: {np.median(radii):.1e}  ({len(radii)} problems)")


def print_tightness(size: int) -> None:
    ratios: dict[str, list[float]] = defaultdict(list)
    for results in map_in_parallel(allowance_ratios, range(size)):
        for precision, ratio in results:
            ratios[precision].append(ratio)
    print("\nallowance over rounding really lost: median, and the least in a hundred")
    for precision, values in ratios.items():
        print(f"  {precision:9} {np.median(values):6.1f} {np.quantile(values, 0.01):6.1f}")


def print_structure(size: int) -> None:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for results in map_in_parallel(correct_on_structure, range(size), chunk=1):
        for _, precision, _, verdict in results:
            counts[precision][verdict] += 1
    total = sum(sum(verdicts.values()) for verdicts in counts.values())
    print(f"\n{total} honest gradients on batches with structure: {', '.join(INPUTS)}")
    print(f"{'precision':10} {'correct':>8} {'undecided':>10} {'incorrect':>10}")
    for precision, verdicts in counts.items():
        row = [verdicts[v] for v in ("correct", "undecided", "incorrect")]
        print(f"{precision:10} {row[0]:8} {row[1]:10} {row[2]:10}")


def print_float32_errors(size: int) -> None:
    rows = [row for results in map_in_parallel(errors_on_structure, range(size), chunk=1) for row in results]
    print(f"\n{len(rows)} batches with structure, float32 strict: errors in multiples of rounding")
    for times in ERROR_MULTIPLES:
        verdicts = [verdict for row in rows for multiple, verdict in row.verdicts if multiple == times]
        shares = {v: verdicts.count(v) for v in ("incorrect", "undecided", "correct")}
        print(f"  {times:g} times: " + ", ".join(f"{count} {verdict}" for verdict, count in shares.items()))
    ratios = [ratio for row in rows for ratio in row.allowance]
    print(f"  allowance over rounding really lost, median: {np.median(ratios):.1f}")


def print_kinks(size: int) -> None:
    rows = list(map_in_parallel(verdicts_at_kinks, range(size)))
    print(f"\n{size} networks at 1 to 20 kinks, and as many graphs with ties of max")
    for field in ("consistent", "mixed", "shared", "unshared"):
        verdicts = [getattr(row, field) for row in rows if getattr(row, field) is not None]
        counts = {v: verdicts.count(v) for v in ("correct", "undecided", "incorrect")}
        print(f"  {field:11}" + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


PARTS = {
    "cases": (print_cases, 1),
    "correct": (print_correct, 2000),
    "planted": (print_planted, 520),
    "containment": (print_containment, 2000),
    "tightness": (print_tightness, 1000),
    "structure": (print_structure, 36),
    "committed": (print_float32_errors, 60),
    "kinks": (print_kinks, 1000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--size", type=int)
    arguments = parser.parse_args()
    for name, (part, size) in PARTS.items():
        if arguments.part in (None, name):
            partial(part, arguments.size or size)()


if __name__ == "__main__":
    main()
