"""How the benchmark judges what is said: coincidences are recomputed, never believed."""

import numpy as np
import pytest

from benchmarks.support.buggy_students import STUDENTS, Requirements, student_gradients
from benchmarks.support.diagnosing.outcome import judge, layers_reproducing
from benchmarks.support.diagnosing.summary import DiagnosisSummary, SummaryRow
from benchmarks.support.general_position import Configuration, draw


def problem(seed=0, examples=4, outputs="sum"):
    rng = np.random.default_rng(seed)
    candidate = draw(
        rng,
        Configuration("tanh", "mse", "values", 3, examples),
        Requirements(bias=True, outputs_from=2, output="tanh"),
    )
    while candidate.risk.penalties or candidate.batch.masks or candidate.risk.outputs != outputs:
        candidate = draw(
            rng,
            Configuration("tanh", "mse", "values", 3, examples),
            Requirements(bias=True, outputs_from=2, output="tanh"),
        )
    return candidate


def row(bug, layer, equation, equivalent_bugs=(), **hints):
    return SummaryRow(bug, layer, equation, 0.0, equivalent_bugs, hints)


def outcome_of(instance, bug, layer, rows, form=None):
    mistake = next(m for m in STUDENTS[bug].forms(instance, layer, {}) if form in (None, m.form))
    summary = DiagnosisSummary("incorrect", ("layers.0.weight",), tuple(rows), ())
    return judge(instance, mistake, student_gradients(instance, [mistake]), summary, np.float64)


def test_the_right_name_at_the_right_place_is_right():
    rows = [row("missing-activation-derivative", 1, "hidden_delta")]
    assert outcome_of(problem(), "missing-activation-derivative", 1, rows) == ("named", True, True)


def test_the_right_name_at_another_place_is_not_located():
    rows = [row("missing-activation-derivative", 0, "hidden_delta")]
    assert outcome_of(problem(), "missing-activation-derivative", 1, rows) == ("named", False, True)


@pytest.mark.parametrize(
    ("equivalent_bugs", "kind"),
    [(("assigned-not-accumulated",), "also"), ((), "unlisted"), (("bias-zero",), "unlisted")],
)
def test_another_name_counts_only_where_its_own_student_hands_in_the_same(equivalent_bugs, kind):
    instance = problem()
    weights = row("examples-weighted", 1, "weight_gradient", equivalent_bugs, weights=np.eye(4)[3])
    outcome = outcome_of(instance, "assigned-not-accumulated", 1, [weights], "only the last example")
    assert outcome == (kind, True, True)


def test_another_name_that_claims_a_coincidence_falsely_is_a_false_name():
    rows = [row("factor-two", None, "loss", ("sign-flipped",), factor=2.0)]
    assert outcome_of(problem(), "sign-flipped", None, rows)[0] == "false"


def test_a_row_too_many_is_no_right_answer():
    rows = [row("bias-zero", 1, "bias_gradient"), row("bias-zero", 0, "bias_gradient")]
    assert outcome_of(problem(), "bias-zero", 1, rows)[0] == "extra"


def test_what_spreads_downwards_may_be_said_of_each_layer():
    rows = [row("updated-weights", layer, "hidden_delta", learning_rate=0.5) for layer in (1, 0)]
    assert outcome_of(problem(), "updated-weights", 1, rows) == ("named", True, True)


def test_saying_nothing_or_unexplained_is_neither_right_nor_false():
    assert outcome_of(problem(), "bias-zero", 1, [])[0] == "silent"
    assert outcome_of(problem(), "bias-zero", 1, [row("unexplained", 1, "bias_gradient")]) == (
        "unexplained",
        True,
        True,
    )


def test_an_estimated_rate_repeats_the_submission():
    instance = problem()
    (mistake,) = STUDENTS["updated-weights"].forms(instance, 1, {"learning_rate": 0.321})
    gradients = student_gradients(instance, [mistake])
    right = row("updated-weights", 1, "hidden_delta", learning_rate=0.321)
    wrong = row("updated-weights", 1, "hidden_delta", learning_rate=0.32)
    assert layers_reproducing(instance, right, gradients, np.float64) == [1]
    assert layers_reproducing(instance, wrong, gradients, np.float64) == []


def test_a_bug_without_a_student_is_unknown():
    instance = problem()
    assert (
        layers_reproducing(
            instance, row("no-such-bug", 1, "numbers"), student_gradients(instance), np.float64
        )
        is None
    )
