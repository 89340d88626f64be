"""Two bugs in two layers of one random problem."""

import traceback
from dataclasses import replace

import numpy as np

from benchmarks.buggy_students import STUDENTS, Mistake, Wish, hand_in
from benchmarks.diagnosing.outcome import Outcome, alike, reproduced_at
from benchmarks.diagnosing.said import Row, Said, said_of, submission
from benchmarks.diagnosing.single import Case
from benchmarks.drawing import LOSSES_ON
from benchmarks.general_position import HIDDEN, Cell, draw
from reference_impl import Problem

_EQUATIONS = ("output_delta", "hidden_delta", "weight_gradient", "bias_gradient")


def placed(problem: Problem, rng: np.random.Generator) -> dict[str, list[Mistake]]:
    """Give, by bug, a mistake at every layer at which it stays."""
    found: dict[str, list[Mistake]] = {}
    for bug, student in STUDENTS.items():
        for layer in range(len(problem.network.layers)):
            if student.applies(problem, layer):
                mistake = student.draw(problem, layer, rng)
                if mistake.equation in _EQUATIONS and not mistake.spreads:
                    found.setdefault(bug, []).append(mistake)
    return found


def case_of(seed: int) -> tuple[Case, Mistake] | None:
    """Draw a case whose two mistakes both show; None where 30 draws gave none."""
    for attempt in range(30):
        rng = np.random.default_rng([seed, attempt, 11])
        loss, on = LOSSES_ON[rng.integers(len(LOSSES_ON))]
        depth, examples = int(rng.integers(2, 5)), int(rng.choice([4, 16, 64]))
        cell = Cell(str(rng.choice(HIDDEN)), loss, on, depth, examples)
        output = "softmax" if rng.random() < 0.3 else None
        wish = Wish(bool(rng.random() < 0.4), bool(rng.random() < 0.2), output=output, outputs_from=2)
        problem = draw(rng, cell, wish)
        mistakes = placed(problem, rng)
        first, second = (
            own[rng.integers(len(own))]
            for own in (mistakes[bug] for bug in rng.choice(list(mistakes), size=2, replace=False))
        )
        if first.layer == second.layer:
            continue
        right, both = hand_in(problem), hand_in(problem, [first, second])
        alone = [hand_in(problem, [first]), hand_in(problem, [second])]
        if any(alike(one, other) for one in alone for other in (right, both)):
            continue
        return Case(seed, cell, problem, first, both, submission(problem, both)), second
    return None


def measure(seed: int) -> Outcome | None:
    """Judge one pair; its kind is `both`, `one`, `neither`, `false`, `raised` or `invisible`."""
    drawn = case_of(seed)
    if drawn is None:
        return None
    case, second = drawn
    pair = (case.mistake, second)
    bug = " + ".join(f"{own.bug} ({own.form}) at {own.layer}" for own in pair)
    found = Outcome(seed, bug, "", case.mistake.layer, "", case.about, "raised")
    try:
        said = said_of(case.submission)
    except Exception:
        return replace(found, said=(traceback.format_exc(limit=-2).replace("\n", " "),))
    kind, located = judge_pair(case, pair, said)
    return replace(found, kind=kind, located=located, said=tuple(str(row) for row in said.rows))


def judge_pair(case: Case, pair: tuple[Mistake, Mistake], said: Said) -> tuple[str, bool]:
    """Give the kind and whether both are at their layers."""
    if not said.incorrect:
        return "invisible", False
    known = [row for row in said.rows if row.bug != "unexplained"]
    matched: dict[int, bool] = {}
    for row in known:
        of = _matching(case, pair, row)
        if of is None:
            return "false", False
        index, named = of
        matched[index] = matched.get(index, False) or named
    count = sum(matched.values())
    located = {row.layer for row in said.rows} == {own.layer for own in pair}
    return ("neither", "one", "both")[count], located


def _matching(case: Case, pair: tuple[Mistake, Mistake], row: Row) -> tuple[int, bool] | None:
    """Give which of the two a row speaks of, and whether it names it; None where it speaks of neither."""
    for index, own in enumerate(pair):
        if row.bug == own.bug and row.layer == own.layer:
            return index, True
    for index, own in enumerate(pair):
        places = reproduced_at(case.problem, row, case.gradients, np.float64, [pair[1 - index]])
        if places:
            return index, row.bug == own.bug or own.bug in row.also
    return None
