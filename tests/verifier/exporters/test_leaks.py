"""Attacks on a hidden gradient by a student, each with the information that must not leak."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import product
from string import Formatter
from typing import Any

import numpy as np
import pytest

from reference_impl.network import forward, named
from tests.pairwise import check_rows, each, pairwise
from tests.verifier.builders import nested_lists, small_document
from verifier import verify
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.catalogue.bug import LOCAL_RULE
from verifier.diagnosis.mutants import mutants
from verifier.documents.reading import read_submission
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.github import step_summary
from verifier.exporters.student_view import to_student_view
from verifier.problem.precision import PRECISIONS, round_to_precision
from verifier.report.assignment import DEFAULT, StudentVisibility
from verifier.report.outcome import FileOutcome
from verifier.report.points import Points
from verifier.report.report import Report

CHOICES = ExportOptions(Points(10.0), moment=datetime(2026, 1, 1, tzinfo=UTC))
ALL = StudentVisibility(bug=True)
EVERY_SUBSET = [StudentVisibility(True, *flags) for flags in product((False, True), repeat=4)]
ORACLES = ("backpropagation",)
PROBLEM = {
    "network": {"layers": [{"in": 2, "out": 4, "activation": "sigmoid"}, {"in": 4, "out": 1}]},
    "loss": "mse",
    "parameters": {
        "layers.0.weight": [[0.5, -0.3, 0.2, 0.8], [0.7, -0.4, 0.3, 0.1]],
        "layers.0.bias": [0.1, -0.1, 0.2, 0.3],
        "layers.1.weight": [[0.7], [-0.4], [0.5], [-0.6]],
        "layers.1.bias": [0.3],
    },
    "inputs": [[1.0, -2.0], [0.5, 0.3], [-1.5, 1.0]],
    "targets": [[0.0], [1.0], [1.0]],
}
Gradients = Mapping[str, Any]


def right_of(problem: Mapping[str, Any]) -> dict[str, Any]:
    question = read_submission({**problem, "gradients": {}}).problem
    report = verify(
        {**problem, "gradients": {n: 0.0 * a for n, a in named(question.parameters)}},
        oracles=ORACLES,
        diagnosis=False,
        entries="all",
    )
    return {name: row.entries.expected for name, row in report.parameters.items() if row.entries is not None}


RIGHT = right_of(PROBLEM)
ONE = float(RIGHT["layers.1.bias"][0])


def student_document(
    gradients: Gradients, visibility: StudentVisibility = ALL, **fields: Any
) -> dict[str, Any]:
    fields_of_answer = {"gradients": nested_lists(dict(gradients)), **fields}
    return to_student_view(verify({**PROBLEM, **fields_of_answer}, oracles=ORACLES), visibility).to_dict()


def outputs(report: Report, visibility: StudentVisibility) -> dict[str, str]:
    reports = (FileOutcome("hw3.json", to_student_view(report, visibility)),)
    texts = {name: row.render(reports, CHOICES) for name, row in EXPORTERS.items()}
    return texts | {"step summary": step_summary(reports, CHOICES), "repr": repr(reports[0].report)}


@each(
    [
        *(round(ONE, digits) for digits in (1, 2, 3, 6)),
        *(float(f"{ONE:.{digits}g}") for digits in (1, 2, 4)),
        *(0.1 * np.sign(ONE), 0.01 * np.sign(ONE), 5.0 * np.sign(ONE)),
        *(
            float(round_to_precision(np.array(1.004 * ONE), PRECISIONS[name]))
            for name in ("bfloat16", "float16")
        ),
        *(float(np.float32(ONE)) + 1e-6, float(np.floor(ONE)), 1.0, 3.7 * ONE),
    ]
)
def test_a_guess_of_one_number_gets_the_answer_of_any_wrong_number(guess):
    wrong = student_document({"layers.1.bias": [-12.345678912345]}, precision="float64")
    assert student_document({"layers.1.bias": [guess]}, precision="float64") == wrong


@each(product(["layers.0.bias", "layers.0.weight"], [1, 2, 3]))
def test_zeros_beside_a_guess_do_not_make_it_tell(padding, digits):
    pad = {padding: 0.0 * RIGHT[padding]}
    wrong = student_document(pad | {"layers.1.bias": [round(ONE, digits) + 7.0 * 10.0**-digits]})
    assert student_document(pad | {"layers.1.bias": [round(ONE, digits)]}) == wrong


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_nan_beside_a_guess_does_not_make_it_tell(broken):
    pad = {"layers.0.weight": np.full((2, 4), broken)}
    guesses = (ONE, -ONE, 2.0 * ONE, round(ONE, 2), 7.654321)
    documents = [student_document(pad | {"layers.1.bias": [guess]}) for guess in guesses[1:]]
    assert all(document == documents[0] for document in documents)


@cache
def with_error(place: tuple[int, int], size: float) -> dict[str, Any]:
    changed = {name: np.array(array) for name, array in RIGHT.items()}
    changed["layers.0.weight"][place] += size
    return student_document(changed)


@each(pairwise(range(2), range(4), (0.123, -0.456, 1e-4, 1e3)))
def test_one_wrong_entry_is_told_as_any_other(row, column, size):
    assert with_error((row, column), size) == with_error((0, 0), 0.123)


def test_all_numbers_rounded_in_print_are_still_told_so():
    (row,) = student_document({name: np.round(array, 3) for name, array in RIGHT.items()})["diagnosis"]
    assert row["bug"] == "rounded"


@pytest.mark.parametrize("factor", [0.37, 1e-3, 12.5])
def test_a_factor_is_told_without_its_size(factor):
    (row,) = student_document({name: factor * array for name, array in RIGHT.items()})["diagnosis"]
    assert row["bug"] == "constant-factor"
    assert student_document({name: 1.7 * array for name, array in RIGHT.items()})["diagnosis"] == [row]


def test_a_reported_loss_changes_nothing():
    wrong = {"layers.0.bias": [1.0, 2.0, 3.0, 4.5]}
    documents = [student_document(wrong, reported_loss=reported) for reported in (0.0, 1e9)]
    without_loss = student_document(wrong)
    assert all(document == without_loss for document in documents)


@each(BUGS)
def test_the_sentence_for_students_holds_only_what_the_problem_says(bug):
    words = BUGS[bug].words
    sentence = words.for_students or words.explanation
    named = {"place", "use"} if BUGS[bug].equation == LOCAL_RULE else {"place"}  # of a graph: names of nodes
    fields = {field for _, field, _, _ in Formatter().parse(sentence) if field}
    assert fields <= {*named, "above", "examples", "outputs"}
    assert {field for _, field, _, _ in Formatter().parse(words.hint) if field} <= named


def scaled_document(inputs: float) -> dict[str, Any]:
    document = small_document(name="hw3")
    document["inputs"] = [[inputs * x for x in row] for row in document["inputs"]]
    return document


def mutants_and_wrong_entries(document: Mapping[str, Any]) -> dict[tuple[str, int], tuple[str, Gradients]]:
    """Return every bug made on this problem, and the right gradients with one entry changed.

    By name and number: a bug can be made in several places and forms.
    """
    problem = read_submission(document).problem
    mutants_by_bug: dict[tuple[str, int], tuple[str, Gradients]] = {}
    number: Counter[str] = Counter()
    for mutant in mutants(problem, forward(problem.network, problem.parameters, problem.batch)):
        where = f"{mutant.bug.id} {mutant.layer} {mutant.equation}"
        mutants_by_bug[mutant.bug.id, number[mutant.bug.id]] = where, dict(named(mutant.gradients))
        number[mutant.bug.id] += 1
    for name, array in right_of(document).items():
        changed = np.array(array)
        changed.flat[-1] += 0.3
        mutants_by_bug[name, 0] = name, {name: changed}
    return mutants_by_bug


def verdicts_and_bugs(report: Report) -> tuple[Any, ...]:
    verdicts = tuple(row.verdict for row in report.parameters.values())
    return verdicts, tuple((row.bug, row.layer, row.equation) for row in report.diagnosis)


@cache
def mutants_of_two_problems() -> tuple[tuple[Any, Any], ...]:
    problems = scaled_document(3.0), scaled_document(4.0)
    assert not np.allclose(*(right_of(document)["layers.0.weight"] for document in problems))
    return tuple((document, mutants_and_wrong_entries(document)) for document in problems)


@pytest.mark.parametrize(
    ("places", "every", "least", "step"),
    [
        pytest.param(range(1), 6, 5, 3, id="every sixth bug once"),
        pytest.param(range(1000), 1, 99, 1, id="in all places and forms", marks=pytest.mark.nightly),
    ],
)
def test_equal_mistakes_on_two_problems_read_alike_at_every_level(places, every, least, step):
    """Formats write what a student sees: by day they write one in three of the bugs that are tried."""
    (one, of_one), (other, of_other) = mutants_of_two_problems()
    assert [what for what, _ in of_one.values()] == [what for what, _ in of_other.values()]
    compared = []

    def check(bug: str, place: int) -> None:
        first, second = (
            verify({**document, "gradients": mutants_of[bug, place][1]}, oracles=ORACLES)
            for document, mutants_of in ((one, of_one), (other, of_other))
        )
        if verdicts_and_bugs(first) != verdicts_and_bugs(second):
            return
        compared.append(bug)
        for visibility in EVERY_SUBSET:
            assert to_student_view(first, visibility) == to_student_view(second, visibility)
        for visibility in (DEFAULT, ALL) if len(compared) % step == 0 else ():
            assert outputs(first, visibility) == outputs(second, visibility)

    check_rows(check, [row for row in of_one if row[1] in places][::every])
    assert len(compared) > least
