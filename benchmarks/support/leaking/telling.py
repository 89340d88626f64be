"""Measure the entropy of the reports on thousands of different submissions."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from math import log2
from typing import Any

import numpy as np

from benchmarks.support.leaking.question import (
    LEVELS,
    PROBLEM,
    Gradients,
    report_text,
    right_gradients,
    verify_problem,
)
from reference_impl.network import forward, named
from verifier.diagnosis.mutants import mutants
from verifier.documents.reading import read_submission

WORKERS = 2
_EXPONENTS = (-12, 3)  # decimal exponents of errors in single entries


def bugs() -> list[dict[str, Any]]:
    """Return the gradients for every bug of the catalogue at every place and in every form."""
    problem = read_submission({**PROBLEM, "gradients": {}}).problem
    trace = forward(problem.network, problem.parameters, problem.batch)
    return [dict(named(mutant.gradients)) for mutant in mutants(problem, trace)]


def submissions(size: int, seed: int = 0) -> Iterator[Gradients]:
    """Yield correct gradients, each bug, and then pairs of bugs, single errors and others in turn."""
    rng = np.random.default_rng(seed)
    truth, planted = right_gradients(), bugs()
    names = list(truth)
    yield from (truth, *planted)[:size]
    for turn in range(size - len(planted) - 1):
        gradients = {name: np.array(array) for name, array in truth.items()}
        name = names[rng.integers(len(names))]
        place = rng.integers(gradients[name].size)
        kind = turn % 6
        if kind == 0:
            first, second = (planted[i] for i in rng.integers(len(planted), size=2))
            gradients = {n: np.array((first if rng.random() < 0.5 else second)[n]) for n in names}
        elif kind == 1:
            gradients[name].flat[place] += rng.choice((-1, 1)) * 10.0 ** rng.uniform(*_EXPONENTS)
        elif kind == 2:
            gradients = {n: rng.normal(size=array.shape) for n, array in gradients.items()}
        elif kind == 3:
            source = planted[rng.integers(len(planted))]
            gradients = {n: np.array(source[n]) for n in names if rng.random() < 0.5}
        elif kind == 4:
            gradients = {
                n: np.round(array, rng.integers(1, 7)) for n, array in gradients.items() if rng.random() < 0.7
            }
        else:
            gradients[name].flat[place] = rng.choice((np.nan, np.inf, -np.inf))
        yield gradients


def answers(gradients: Gradients) -> tuple[str, ...]:
    report = verify_problem(gradients)
    return tuple(report_text(report, visibility) for visibility in LEVELS.values())


def entropy(documents: Sequence[str]) -> float:
    """Return the entropy in bits, with the correction of Miller and Madow for finite samples."""
    counts = np.array(list(Counter(documents).values()), dtype=float)
    shares = counts / counts.sum()
    correction = (len(counts) - 1) / (2.0 * counts.sum()) * log2(np.e)
    return float(-(shares * np.log2(shares)).sum() + correction)


def measure_levels(size: int, workers: int = WORKERS) -> dict[str, tuple[int, float]]:
    """Return the number of distinct documents and their entropy by level."""
    samples = list(submissions(size))
    if workers == 1:
        rows = list(map(answers, samples))
    else:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            rows = list(pool.map(answers, samples, chunksize=20))
    columns = zip(*rows, strict=True)
    return {level: (len(set(column)), entropy(column)) for level, column in zip(LEVELS, columns, strict=True)}
