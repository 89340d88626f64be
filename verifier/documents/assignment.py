"""Read and write assignments as documents, and generate the problem of each student."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from hashlib import sha256
from hmac import digest
from typing import Any

from verifier.diagnosis.random_problem import informative_parameters
from verifier.documents.names import NAMES
from verifier.documents.reading import AnySubmission, names_of, read_any_submission, read_question
from verifier.documents.writing import arrays_to_lists, submission_to_document
from verifier.judging.traps import problem_traps
from verifier.problem.errors import (
    ErrorCollector,
    MalformedSubmission,
    check_fields,
    describe,
    read_choice,
    read_number,
    replace_surrogates,
    suggest_name,
)
from verifier.problem.other_words import ASSIGNMENT_FIELDS
from verifier.problem.submission import GraphSubmission, Submission
from verifier.report.assignment import DEFAULT, Assignment, StudentVisibility
from verifier.report.points import ONE_POINT_EACH, Points

FIELDS = (
    "title", "problem", "points", "students_see", "attempts", "opens", "closes", "instances", NAMES,
)  # fmt: skip
# what a service adds to an assignment that it answers; ignored where that is sent back
RECORD_FIELDS = (
    "id", "revision", "created", "owner", "state", "notice", "warnings", "attempts_left",
)  # fmt: skip
ARRAYS = "arrays"  # of files alone: the path of a file of arrays
SEEN = tuple(field.name for field in fields(StudentVisibility))
_ANSWER = ("gradients", "reported_loss")
INSTANCES = ("shared", "per_student")
LONGEST_TITLE = 200
_MOST_ATTEMPTS = 1_000_000


def read_assignment(document: Any) -> Assignment:
    """Return the assignment in a document. Raises: MalformedSubmission with all errors."""
    errors = ErrorCollector()
    if not isinstance(document, Mapping):
        errors.add("", "an assignment, one JSON object", describe(document))
        errors.raise_if_any()
    document = {name: value for name, value in document.items() if name not in RECORD_FIELDS}
    if "network" in document and "problem" not in document:
        remedy = 'put it under problem, without gradients: {"problem": {…}}'
        errors.add("", "an assignment", "a submission", remedy)
        errors.raise_if_any()
    check_fields(document, FIELDS, (), errors, ASSIGNMENT_FIELDS)
    problem = document.get("problem")
    if document.get(NAMES) is not None and isinstance(problem, Mapping):
        document["problem"] = problem = {**problem, NAMES: document[NAMES]}
    question = _read_problem(problem, errors)
    title = _read_title(document.get("title"), question, errors)
    points = _read_points(document.get("points"), question, errors)
    visibility = _read_visibility(document.get("students_see"), errors)
    attempts = _read_attempts(document.get("attempts"), errors)
    opens = _read_moment(document.get("opens"), "/opens", errors)
    closes = _read_moment(document.get("closes"), "/closes", errors)
    if opens is not None and closes is not None and opens >= closes:
        errors.add("/closes", f"a moment after opens, {opens.isoformat()}", closes.isoformat())
    instances = read_choice(document.get("instances", INSTANCES[0]), INSTANCES, "/instances", errors)
    if instances == "per_student" and isinstance(question, GraphSubmission):
        remedy = "numbers of one's own are drawn for networks of layers alone"
        errors.add("/instances", "shared, where the problem is a graph", 'the string "per_student"', remedy)
    errors.raise_if_any()
    return Assignment(
        title,
        document["problem"],
        points,
        visibility,
        attempts,
        opens,
        closes,
        instances == "per_student",
        tuple(trap.detail for trap in problem_traps(question.problem))
        if isinstance(question, Submission)
        else (),
    )


def change_document(document: Mapping[str, Any], changes: Any) -> dict[str, Any]:
    """Return an assignment's document with changes merged into it: a JSON merge patch (RFC 7396).

    A change to null takes a field back to its default. Raises: MalformedSubmission for no object, and for
    fields that assignments do not have.
    """
    errors = ErrorCollector()
    if not isinstance(changes, Mapping):
        rule = "an object of the fields to change, such as"
        errors.add("", f'{rule} {{"closes": "2026-12-07T18:00:00Z"}}', describe(changes))
        errors.raise_if_any()
    changes = {name: value for name, value in changes.items() if name not in RECORD_FIELDS}
    check_fields(changes, FIELDS, (), errors)
    errors.raise_if_any()
    changed: dict[str, Any] = _merge(document, changes)
    if NAMES in changes and changes[NAMES] is None and isinstance(changed.get("problem"), dict):
        changed["problem"].pop(NAMES, None)  # there they are kept
    return changed


def _merge(value: Any, changes: Any) -> Any:
    if not isinstance(changes, Mapping):
        return changes
    merged = dict(value) if isinstance(value, Mapping) else {}
    for name, change in changes.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), change)
    return merged


def read_assignment_or_problem(document: Any) -> Assignment:
    """Return the assignment in a document, or one with default rules for a submission's problem.

    Raises: MalformedSubmission with all errors.
    """
    if isinstance(document, Mapping) and "network" in document and "problem" not in document:
        return read_assignment({"problem": without_answer(document)})
    return read_assignment(document)


def without_answer(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the problem of a submission's document: all but the gradients and the reported loss."""
    return {field: value for field, value in document.items() if field not in _ANSWER}


def assignment_to_document(assignment: Assignment) -> dict[str, Any]:
    """Return the assignment's document with all fields, the inverse of `read_assignment`."""
    title, *rest = rules_to_document(assignment).items()
    return dict((title, ("problem", dict(assignment.problem)), *rest))


def rules_to_document(assignment: Assignment) -> dict[str, Any]:
    """Return the assignment's document without its problem."""
    return {
        "title": assignment.title,
        "points": dict(assignment.points.by_name) or assignment.points.total,
        "students_see": [name for name in SEEN if getattr(assignment.visibility, name)],
        "attempts": assignment.attempts,
        "opens": None if assignment.opens is None else assignment.opens.isoformat(),
        "closes": None if assignment.closes is None else assignment.closes.isoformat(),
        "instances": INSTANCES[assignment.per_student],
    }


def read_stored_rules(document: Mapping[str, Any], problem: Mapping[str, Any]) -> Assignment:
    """Return the assignment of a problem and of what `rules_to_document` returned, without checks."""
    points, seen = document["points"], document["students_see"]
    return Assignment(
        document["title"],
        problem,
        Points(by_name=points) if isinstance(points, Mapping) else Points(total=points),
        StudentVisibility(**{name: name in seen for name in SEEN}),
        document["attempts"],
        _stored_moment(document["opens"]),
        _stored_moment(document["closes"]),
        document["instances"] == INSTANCES[1],
    )


def _stored_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def instance_key(secret: bytes, assignment: str, student: str) -> bytes:
    """Return the key of a student's instance, an HMAC that requires the secret."""
    return digest(secret, f"{len(assignment)}:{assignment}:{student}".encode(), "sha256")


def generate_instance(problem: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Return the problem with other numbers for a student, which depend on the key and the problem only.

    The number of examples may change: see `informative_parameters`. Raises: MalformedSubmission.
    """
    question = read_question(problem)
    seed = int.from_bytes(sha256(key).digest()[:8], "big")
    instance = replace(
        question, problem=informative_parameters(question.problem, seed), gradients={}, reported_loss=None
    )
    document = arrays_to_lists(submission_to_document(instance))
    omitted = {"gradients"} | ({"precision"} if problem.get("precision") is None else set())
    names = {NAMES: problem[NAMES]} if NAMES in problem else {}
    return {field: value for field, value in document.items() if field not in omitted} | names


def _read_problem(value: Any, errors: ErrorCollector) -> AnySubmission | None:
    if not isinstance(value, Mapping):
        rule = "a submission without gradients, one JSON object"
        errors.add("/problem", rule, "nothing" if value is None else describe(value), "see gradjury example")
        return None
    if ARRAYS in value:
        remedy = "the command line reads them from a file; give parameters, inputs and targets here"
        errors.add(("problem", ARRAYS), "the arrays themselves", describe(value[ARRAYS]), remedy)
    for field in _ANSWER:
        if field in value:
            errors.add(("problem", field), "no answer", "one", "leave it out: students hand it in")
    value = {field: part for field, part in value.items() if field != ARRAYS}
    try:
        return read_any_submission({**value, "gradients": {}, "reported_loss": None})
    except MalformedSubmission as error:
        errors.add_all(error.errors, "/problem")
        return None


def _read_title(value: Any, question: AnySubmission | None, errors: ErrorCollector) -> str:
    if value is None:
        return (question.name if question else None) or "assignment"
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= LONGEST_TITLE
        or value != replace_surrogates(value)
    ):
        errors.add("/title", f"a string of 1 to {LONGEST_TITLE} characters", describe(value))
        return ""
    return value


def _read_points(value: Any, question: AnySubmission | None, errors: ErrorCollector) -> Points:
    if value is None:
        return ONE_POINT_EACH
    if not isinstance(value, Mapping):
        total = read_number(value, "/points", errors, at_least=0.0)
        return ONE_POINT_EACH if total is None else Points(total=total)
    if not value:
        errors.add("/points", "points for at least one parameter, or one number for all", "an empty object")
    names = [] if question is None else names_of(question)
    known = {name: known for known, name in getattr(question, "submitted_names", {}).items()}
    by_name = {}
    for written, points in value.items():
        name, path = known.get(written, written), ("points", written)
        if question is not None and name not in names:
            rule = "the name of a parameter of this network"
            errors.add(path, rule, f"{str(name)[:60]!r}", suggest_name(str(name), names))
        by_name[str(name)] = read_number(points, path, errors, at_least=0.0) or 0.0
    return Points(by_name=by_name)


def _read_visibility(value: Any, errors: ErrorCollector) -> StudentVisibility:
    if value is None:
        return DEFAULT
    if not isinstance(value, list | tuple):
        errors.add("/students_see", f"a list of some of {', '.join(SEEN)}", describe(value))
        return DEFAULT
    visible = {
        read_choice(name_of_part, SEEN, ("students_see", index), errors)
        for index, name_of_part in enumerate(value)
    }
    if visible - {None} and "verdict" not in visible:
        remedy = "add it: whatever else they see tells it"
        errors.add("/students_see", "'verdict' beside the others", "a list without it", remedy)
    return StudentVisibility(**{name: name in visible for name in SEEN})


def _read_attempts(value: Any, errors: ErrorCollector) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_ATTEMPTS:
        rule = f"a whole number from 1 to {_MOST_ATTEMPTS}, or null for any number"
        errors.add("/attempts", rule, describe(value))
        return None
    return value


def _read_moment(value: Any, pointer: str, errors: ErrorCollector) -> datetime | None:
    if value is None:
        return None
    moment = None
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if moment is None or moment.tzinfo is None:
        rule = "a moment with its offset from UTC, such as 2026-11-23T18:00:00Z"
        errors.add(
            pointer, rule, describe(value), "" if moment is None else "add Z or an offset such as +01:00"
        )
        return None
    return moment
