"""Cases with a mistake that is not in the catalogue, which can be located but not named."""

import traceback
from dataclasses import replace

import numpy as np

from benchmarks.support.buggy_students import Wish, hand_in
from benchmarks.support.diagnosing.outcome import DiagnosisOutcome, alike, reproduced_at
from benchmarks.support.diagnosing.single import DiagnosisCase
from benchmarks.support.diagnosing.summary import submission, summarize
from benchmarks.support.general_position import HIDDEN, Cell, draw
from benchmarks.support.random_problems import LOSSES_ON
from benchmarks.support.uncatalogued import MUTATIONS
from reference_impl import Batch, Problem

MOST_EXAMPLES = 12


def of_first(problem: Problem, count: int) -> Problem:
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
        cell = Cell(str(rng.choice(HIDDEN)), loss, on, int(rng.integers(1, 5)), MOST_EXAMPLES)
        problem = draw(rng, cell, Wish(outputs_from=3), widths=(5, 10))
        layers = mutation.layers(problem)
        if not layers:
            continue
        layer = layers[rng.integers(len(layers))]
        wrong_layer = problem.network.layers[layer]
        problem = of_first(problem, int(rng.integers(2, wrong_layer.inputs + wrong_layer.bias + 1)))
        mistake = mutation.at(layer)
        gradients = hand_in(problem, [mistake])
        if not alike(gradients, hand_in(problem)):
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
        said = summarize(case.submission)
    except Exception:
        return replace(outcome, said=(traceback.format_exc(limit=-2).replace("\n", " "),))
    outcome = replace(outcome, said=tuple(str(row) for row in said.rows))
    if not said.incorrect:
        return replace(outcome, kind="invisible")
    if not said.rows:
        return replace(outcome, kind="silent")
    named = [row for row in said.rows if row.bug != "unexplained"]
    if named:
        coincides = len(said.rows) == 1 and reproduced_at(case.problem, named[0], case.gradients, np.float64)
        return replace(outcome, kind="coincident" if coincides else "false")
    is_located = [(row.layer, row.equation) for row in said.rows] == [(mistake.layer, mistake.equation)]
    return replace(outcome, kind="unexplained", located=is_located)
