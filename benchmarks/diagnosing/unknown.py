"""One mistake of no catalogue in one random problem of few examples: what can only be located."""

import traceback
from dataclasses import replace

import numpy as np

from benchmarks.buggy_students import Wish, hand_in
from benchmarks.diagnosing.outcome import Outcome, alike, reproduced_at
from benchmarks.diagnosing.said import said_of, submission
from benchmarks.diagnosing.single import Case
from benchmarks.drawing import LOSSES_ON
from benchmarks.general_position import HIDDEN, Cell, draw
from benchmarks.uncatalogued import MUTATIONS
from reference_impl import Batch, Problem

MOST_EXAMPLES = 12


def of_first(problem: Problem, count: int) -> Problem:
    """The same problem with its first `count` examples alone."""
    batch = problem.batch
    masks = {index: mask[:count] for index, mask in batch.masks.items()}
    return replace(problem, batch=Batch(batch.inputs[:count], batch.targets[:count], masks))


def case_of(name: str, seed: int) -> Case | None:
    """Draw a case whose layer takes at least N - 1 numbers (N without a bias); None where none showed."""
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
        own = problem.network.layers[layer]
        problem = of_first(problem, int(rng.integers(2, own.inputs + own.bias + 1)))
        mistake = mutation.at(layer)
        gradients = hand_in(problem, [mistake])
        if not alike(gradients, hand_in(problem)):
            return Case(seed, cell, problem, mistake, gradients, submission(problem, gradients))
    return None


def measure(work: tuple[str, int]) -> Outcome | None:
    """Judge one case; `unexplained` is right, and `located` asks for layer and equation both."""
    name, seed = work
    case = case_of(name, seed)
    if case is None:
        return None
    mistake = case.mistake
    own = case.problem.network.layers[mistake.layer]
    form = "N = in + 1" if case.problem.batch.size == own.inputs + own.bias else "N < in + 1"
    found = Outcome(seed, name, form, mistake.layer, mistake.equation, case.about, "raised")
    try:
        said = said_of(case.submission)
    except Exception:
        return replace(found, said=(traceback.format_exc(limit=-2).replace("\n", " "),))
    found = replace(found, said=tuple(str(row) for row in said.rows))
    if not said.incorrect:
        return replace(found, kind="invisible")
    if not said.rows:
        return replace(found, kind="silent")
    named = [row for row in said.rows if row.bug != "unexplained"]
    if named:
        coincides = len(said.rows) == 1 and reproduced_at(case.problem, named[0], case.gradients, np.float64)
        return replace(found, kind="coincident" if coincides else "false")
    here = [(row.layer, row.equation) for row in said.rows] == [(mistake.layer, mistake.equation)]
    return replace(found, kind="unexplained", located=here)
