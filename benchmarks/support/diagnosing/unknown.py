"""Cases with a mistake that is not in the catalogue, which can be located but not named."""

import traceback
from dataclasses import replace

import numpy as np

from benchmarks.support.buggy_students import Requirements, student_gradients
from benchmarks.support.diagnosing.outcome import DiagnosisOutcome, layers_reproducing, same_gradients
from benchmarks.support.diagnosing.single import DiagnosisCase
from benchmarks.support.diagnosing.summary import submission, summarize
from benchmarks.support.general_position import HIDDEN, Configuration, draw
from benchmarks.support.random_problems import LOSSES_ON
from benchmarks.support.uncatalogued import MUTATIONS
from reference_impl import Batch, Problem

MOST_EXAMPLES = 12


def first_examples(problem: Problem, count: int) -> Problem:
    """Return the problem with only its first `count` examples."""
    batch = problem.batch
    masks = {index: mask[:count] for index, mask in batch.masks.items()}
    return replace(problem, batch=Batch(batch.inputs[:count], batch.targets[:count], masks))


def case_of(name: str, seed: int) -> DiagnosisCase | None:
    """Draw a case whose layer has at least N - 1 inputs (N without a bias); None if 30 attempts fail."""
    mutation = MUTATIONS[name]
    for attempt in range(30):
        rng = np.random.default_rng([seed, attempt, list(MUTATIONS).index(name), 13])
        loss, on = LOSSES_ON[rng.integers(len(LOSSES_ON))]
        cell = Configuration(str(rng.choice(HIDDEN)), loss, on, int(rng.integers(1, 5)), MOST_EXAMPLES)
        problem = draw(rng, cell, Requirements(outputs_from=3), widths=(5, 10))
        layers = mutation.layers(problem)
        if not layers:
            continue
        layer = layers[rng.integers(len(layers))]
        wrong_layer = problem.network.layers[layer]
        problem = first_examples(problem, int(rng.integers(2, wrong_layer.inputs + wrong_layer.bias + 1)))
        mistake = mutation.at(layer)
        gradients = student_gradients(problem, [mistake])
        if not same_gradients(gradients, student_gradients(problem)):
            return DiagnosisCase(seed, cell, problem, mistake, gradients, submission(problem, gradients))
    return None


def measure(work: tuple[str, int]) -> DiagnosisOutcome | None:
    """Judge one case. The right kind is `unexplained`; `located` means right layer and equation."""
    name, seed = work
    case = case_of(name, seed)
    if case is None:
        return None
    mistake = case.mistake
    layer = case.problem.network.layers[mistake.layer]
    form = "N = in + 1" if case.problem.batch.size == layer.inputs + layer.bias else "N < in + 1"
    outcome = DiagnosisOutcome(seed, name, form, mistake.layer, mistake.equation, case.about, "raised")
    try:
        summary = summarize(case.submission)
    except Exception:
        return replace(outcome, diagnosis=(traceback.format_exc(limit=-2).replace("\n", " "),))
    outcome = replace(outcome, diagnosis=tuple(str(row) for row in summary.rows))
    if not summary.incorrect:
        return replace(outcome, kind="invisible")
    if not summary.rows:
        return replace(outcome, kind="silent")
    named = [row for row in summary.rows if row.bug != "unexplained"]
    if named:
        coincides = len(summary.rows) == 1 and layers_reproducing(
            case.problem, named[0], case.gradients, np.float64
        )
        return replace(outcome, kind="coincident" if coincides else "false")
    is_located = [(row.layer, row.equation) for row in summary.rows] == [(mistake.layer, mistake.equation)]
    return replace(outcome, kind="unexplained", located=is_located)
