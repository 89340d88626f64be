"""Cases with two bugs in two layers of one random problem."""

import traceback
from dataclasses import replace

import numpy as np

from benchmarks.support.buggy_students import STUDENTS, Mistake, Requirements, student_gradients
from benchmarks.support.diagnosing.outcome import DiagnosisOutcome, layers_reproducing, same_gradients
from benchmarks.support.diagnosing.single import DiagnosisCase
from benchmarks.support.diagnosing.summary import DiagnosisSummary, SummaryRow, submission, summarize
from benchmarks.support.general_position import HIDDEN, Configuration, draw
from benchmarks.support.random_problems import LOSSES_ON
from reference_impl import Problem

_EQUATIONS = ("output_delta", "hidden_delta", "weight_gradient", "bias_gradient")


def with_place(problem: Problem, rng: np.random.Generator) -> dict[str, list[Mistake]]:
    """Return by bug a mistake at every layer, for bugs that affect only one layer."""
    by_bug: dict[str, list[Mistake]] = {}
    for bug, student in STUDENTS.items():
        for layer in range(len(problem.network.layers)):
            if student.applies(problem, layer):
                mistake = student.draw(problem, layer, rng)
                if mistake.equation in _EQUATIONS and not mistake.spreads:
                    by_bug.setdefault(bug, []).append(mistake)
    return by_bug


def case_of(seed: int) -> tuple[DiagnosisCase, Mistake] | None:
    """Draw a case with two visible mistakes; None if 30 attempts fail."""
    for attempt in range(30):
        rng = np.random.default_rng([seed, attempt, 11])
        loss, on = LOSSES_ON[rng.integers(len(LOSSES_ON))]
        depth, examples = int(rng.integers(2, 5)), int(rng.choice([4, 16, 64]))
        cell = Configuration(str(rng.choice(HIDDEN)), loss, on, depth, examples)
        output = "softmax" if rng.random() < 0.3 else None
        requirements = Requirements(
            bool(rng.random() < 0.4), bool(rng.random() < 0.2), output=output, outputs_from=2
        )
        problem = draw(rng, cell, requirements)
        mistakes = with_place(problem, rng)
        first, second = (
            candidates[rng.integers(len(candidates))]
            for candidates in (mistakes[bug] for bug in rng.choice(list(mistakes), size=2, replace=False))
        )
        if first.layer == second.layer:
            continue
        right, both = student_gradients(problem), student_gradients(problem, [first, second])
        single = [student_gradients(problem, [first]), student_gradients(problem, [second])]
        if any(same_gradients(one, other) for one in single for other in (right, both)):
            continue
        return DiagnosisCase(seed, cell, problem, first, both, submission(problem, both)), second
    return None


def measure(seed: int) -> DiagnosisOutcome | None:
    """Judge one pair; the kind is `both`, `one`, `neither`, `false`, `raised` or `invisible`."""
    pair_case = case_of(seed)
    if pair_case is None:
        return None
    case, second = pair_case
    pair = (case.mistake, second)
    bug = " + ".join(f"{mistake.bug} ({mistake.form}) at {mistake.layer}" for mistake in pair)
    outcome = DiagnosisOutcome(seed, bug, "", case.mistake.layer, "", case.about, "raised")
    try:
        summary = summarize(case.submission)
    except Exception:
        return replace(outcome, diagnosis=(traceback.format_exc(limit=-2).replace("\n", " "),))
    kind, located = judge_pair(case, pair, summary)
    return replace(outcome, kind=kind, located=located, diagnosis=tuple(str(row) for row in summary.rows))


def judge_pair(
    case: DiagnosisCase, pair: tuple[Mistake, Mistake], summary: DiagnosisSummary
) -> tuple[str, bool]:
    """Return the kind, and whether both layers are right."""
    if not summary.incorrect:
        return "invisible", False
    explained = [row for row in summary.rows if row.bug != "unexplained"]
    matched: dict[int, bool] = {}
    for row in explained:
        match = _match(case, pair, row)
        if match is None:
            return "false", False
        index, named = match
        matched[index] = matched.get(index, False) or named
    count = sum(matched.values())
    located = {row.layer for row in summary.rows} == {mistake.layer for mistake in pair}
    return ("neither", "one", "both")[count], located


def _match(case: DiagnosisCase, pair: tuple[Mistake, Mistake], row: SummaryRow) -> tuple[int, bool] | None:
    """Return the index of the mistake that a row explains, and whether the row names it; None for neither."""
    for index, mistake in enumerate(pair):
        if row.bug == mistake.bug and row.layer == mistake.layer:
            return index, True
    for index, mistake in enumerate(pair):
        places = layers_reproducing(case.problem, row, case.gradients, np.float64, [pair[1 - index]])
        if places:
            return index, row.bug == mistake.bug or mistake.bug in row.equivalent_bugs
    return None
