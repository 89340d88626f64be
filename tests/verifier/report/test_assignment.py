"""An assignment holds a problem and rules; students hand in gradients alone, in any of three formats."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from tests.pairwise import each
from tests.verifier.builders import small_document
from verifier import verify
from verifier.documents.assignment import assignment_to_document, read_assignment, read_assignment_or_problem
from verifier.documents.gradients import parse_gradients, read_uploaded_gradients, submission_document
from verifier.problem.errors import MalformedSubmission
from verifier.report.assignment import Assignment, StudentVisibility
from verifier.report.points import Points

SUBMISSION = small_document()
GRADIENTS = SUBMISSION["gradients"]
PROBLEM = {field: value for field, value in SUBMISSION.items() if field not in ("gradients", "reported_loss")}
ARRAYS = {name: np.array(value, dtype=float) for name, value in GRADIENTS.items()}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def npz(arrays: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"gradients": GRADIENTS}).encode(),
        json.dumps(GRADIENTS).encode(),
        npz(ARRAYS),
        npz({f"gradients.{name}": array for name, array in ARRAYS.items()}),
        npz(ARRAYS | {"submission": np.array('{"reported_loss": 0.5}')}),
        save(ARRAYS),
        save({f"gradients.{name}": array for name, array in ARRAYS.items()}),
    ],
    ids=["json", "bare json", "npz", "npz with prefix", "npz with text", "safetensors", "with prefix"],
)
def test_gradients_in_any_format_are_judged_as_the_whole_submission_is(content: bytes) -> None:
    expected = verify(SUBMISSION)
    report = verify(submission_document(PROBLEM, parse_gradients(content)))
    assert report.verdict == expected.verdict
    assert {n: p.incorrect for n, p in report.parameters.items()} == {
        n: p.incorrect for n, p in expected.parameters.items()
    }


@each(
    [
        ([1, 2], {""}),
        ({"gradients": GRADIENTS, "network": PROBLEM["network"]}, {"/network"}),
        ({"gradients": GRADIENTS, "tolerance": "lenient", "oops": 1}, {"/tolerance", "/oops"}),
        ({"reported_loss": 1.0}, {"/gradients"}),
    ]
)
def test_what_is_no_answer_is_refused_with_its_places(uploaded: Any, pointers: set[str]) -> None:
    with pytest.raises(MalformedSubmission) as caught:
        submission_document(PROBLEM, uploaded)
    assert {mistake.pointer for mistake in caught.value.errors} == pointers


def test_a_student_cannot_loosen_the_precision_that_the_assignment_sets() -> None:
    strict = PROBLEM | {"precision": "float64"}
    with pytest.raises(MalformedSubmission, match="which the assignment asks for"):
        submission_document(strict, {"gradients": GRADIENTS, "precision": "bfloat16"})
    assert submission_document(strict, {"gradients": GRADIENTS, "precision": None})["precision"] == "float64"


@each(
    [
        (None, {"precision": "float32"}, "float32"),
        (None, {"precision": "float64"}, "float64"),
        (None, {}, "float64"),
        (None, {"precision": "bfloat16"}, None),
        (None, {"precision": "float16"}, None),
        ("float16", {}, "float16"),
        ("float16", {"precision": "float16"}, "float16"),
        ("float16", {"precision": "bfloat16"}, None),
    ]
)
def test_a_narrow_precision_is_taken_only_where_the_problem_names_it(
    required: str | None, uploaded: dict[str, Any], expected: str | None
) -> None:
    problem = PROBLEM if required is None else PROBLEM | {"precision": required}
    if expected is None:
        with pytest.raises(MalformedSubmission) as caught:
            read_uploaded_gradients(problem, {"gradients": GRADIENTS} | uploaded)
        assert [mistake.pointer for mistake in caught.value.errors] == ["/precision"]
    else:
        assert (
            read_uploaded_gradients(problem, {"gradients": GRADIENTS} | uploaded).precision.name == expected
        )


def test_numbers_that_were_rounded_narrowly_are_told_so_and_refused() -> None:
    rng = np.random.default_rng(5)
    rounded = {n: rng.normal(size=a.shape).astype(np.float16).astype(float) for n, a in ARRAYS.items()}
    with pytest.raises(MalformedSubmission, match="float64 or float32, got float16"):
        read_uploaded_gradients(PROBLEM, {"gradients": {n: a.astype(np.float16) for n, a in rounded.items()}})


def test_an_assignment_is_what_its_document_says() -> None:
    document = {
        "title": "Homework 3",
        "problem": PROBLEM,
        "points": {"layers.0.weight": 2},
        "students_see": ["verdict", "bug"],
        "attempts": 3,
        "opens": "2026-11-23T12:00:00+00:00",
        "closes": "2026-11-24T12:00:00+00:00",
        "instances": "per_student",
    }
    assignment = read_assignment(document)
    assert assignment.points == Points(by_name={"layers.0.weight": 2.0})
    assert assignment.visibility == StudentVisibility(parameters=False, layer=False, bug=True, hint=False)
    assert (assignment.attempts, assignment.per_student) == (3, True)
    assert assignment_to_document(assignment) == document


def test_what_is_left_out_has_its_default_and_comes_back_in_the_document() -> None:
    written = assignment_to_document(read_assignment({"problem": PROBLEM, "points": 10}))
    assert written["points"] == 10.0
    assert written["students_see"] == ["verdict", "parameters", "layer", "hint"]
    assert [written[field] for field in ("attempts", "opens", "closes", "instances")] == [
        None,
        None,
        None,
        "shared",
    ]
    assert assignment_to_document(read_assignment(written)) == written


def test_every_mistake_of_an_assignment_is_told_at_once() -> None:
    with pytest.raises(MalformedSubmission) as caught:
        read_assignment(
            {
                "title": 7,
                "problem": SUBMISSION | {"inputs": "none"},
                "points": {"layers.9.weight": -1},
                "students_see": ["hint", "answers"],
                "attempts": 0,
                "opens": "2026-11-24T00:00:00",
                "instances": "two",
                "deadline": "soon",
            }
        )
    assert {mistake.pointer for mistake in caught.value.errors} == {
        "/title",
        "/problem/gradients",
        "/problem/inputs",
        "/points/layers.9.weight",
        "/students_see",
        "/students_see/1",
        "/attempts",
        "/opens",
        "/instances",
        "/deadline",
    }


def test_a_submission_can_be_taken_for_the_assignment_that_it_answers() -> None:
    assignment = read_assignment_or_problem(SUBMISSION)
    assert "gradients" not in assignment.problem
    assert assignment.problem["network"] == SUBMISSION["network"]


@each([(-1, False), (0, True), (1, True), (2, False), (3, False)])
def test_the_window_holds_its_first_moment_and_not_its_last(hours_after_opening: int, is_open: bool) -> None:
    assignment = Assignment("", PROBLEM, opens=NOON, closes=NOON + timedelta(hours=2))
    assert assignment.open_at(NOON + timedelta(hours=hours_after_opening)) is is_open
