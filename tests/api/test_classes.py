"""A class for graders: verdicts, counts of bugs, identical mistakes, grades, and judging again."""

import csv
from io import StringIO

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import WRONG, Person, assignment_by, person, problem_of
from tests.api.conftest import Serve
from tests.api.test_submissions import right_gradients
from verifier.examples.named import load_example

PREACTIVATION = WRONG["gradients"]
RIGHT = right_gradients(problem_of(WRONG))["gradients"]
NO_BIAS = {name: value for name, value in RIGHT.items() if name != "layers.1.bias"}
FLIPPED = {name: (-np.array(value)).tolist() for name, value in RIGHT.items()}
GRADIENTS_BY_STUDENT = {
    "ada": RIGHT,
    "ben": PREACTIVATION,
    "cleo": PREACTIVATION,
    "dan": NO_BIAS,
    "=eve": FLIPPED,
}


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation,complex_step", answer_grid=0)


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


@pytest.fixture(scope="module")
def homework(grader: Person) -> str:
    hw = assignment_by(grader, points=4)
    for student, gradients in GRADIENTS_BY_STUDENT.items():
        submit(grader, hw, student, gradients)
    return hw


def submit(grader: Person, hw: str, student: str, gradients: object) -> None:
    path = f"/v1/assignments/{hw}/submissions?student={student.replace('=', '%3D')}"
    assert grader.post(path, {"gradients": gradients}).status_code == 201


def test_the_overview_counts_verdicts_bugs_and_wrong_parameters(grader: Person, homework: str) -> None:
    overview = grader.get(f"/v1/assignments/{homework}/overview").json()
    assert (overview["students"], overview["submissions"]) == (5, 5)
    assert overview["verdicts"] == {"correct": 1, "incorrect": 4}
    assert overview["bugs"][0]["bug"] == "preactivation-as-input"
    assert (overview["bugs"][0]["layer"], overview["bugs"][0]["students"]) == (1, 2)
    assert overview["bugs"][0]["title"]
    assert overview["wrong"]["layers.1.weight"] == 3
    assert overview["wrong"]["layers.1.bias"] == 2


def test_the_overview_of_a_graph_has_the_titles_of_graphs(grader: Person) -> None:
    wrong = load_example("planted/power-of-four")
    hw = assignment_by(grader, problem=problem_of(wrong))
    submit(grader, hw, "ada", wrong["gradients"])
    (row,) = grader.get(f"/v1/assignments/{hw}/overview").json()["bugs"]
    assert row["bug"] == "missing-activation-derivative"
    assert row["title"] == "The operation's own derivative is missing"


def test_an_unintended_loss_is_reported_when_set_and_when_a_class_fails(grader: Person) -> None:
    meant = {"name": "cross_entropy", "on": "probabilities"}
    layers = [{"in": 3, "out": 3, "activation": "softmax"}]
    weight = [[0.5, -0.25, 0.125], [0.75, 0.5, -0.5], [-0.3, 0.2, 0.6]]
    question = {
        "network": {"layers": layers},
        "loss": "cross_entropy",
        "parameters": {"W1": weight, "b1": [0.1, -0.2, 0.3]},
        "inputs": [[1.0, 0.5, -1.0], [0.25, -0.75, 2.0], [0.6, 1.2, 0.4]],
        "targets": [0, 1, 2],
    }
    made = grader.post("/v1/assignments", {"problem": question}).json()
    (warning,) = made["warnings"]
    assert warning.startswith("the last layer is softmax and cross_entropy is on logits")
    assert grader.get(f"/v1/assignments/{made['id']}").json()["warnings"] is None
    right = right_gradients(question | {"loss": meant})["gradients"]
    answer = {"dW1": right["layers.0.weight"], "db1": right["layers.0.bias"]}
    for count, student in enumerate(("ada", "ben", "cleo"), start=1):
        submit(grader, made["id"], student, answer)
        notice = grader.get(f"/v1/assignments/{made['id']}/overview").json()["notice"]
        assert (notice is None) == (count < 3)
    assert notice == "3 of 3 fit another loss: is the assignment's loss the one you meant?"


def test_students_with_the_same_mistake_stand_together(grader: Person, homework: str) -> None:
    clusters = grader.get(f"/v1/assignments/{homework}/overview").json()["clusters"]
    assert clusters[0]["students"] == ["ben", "cleo"]
    assert clusters[0]["parameters"] == ["layers.1.weight"]
    assert sorted(student for cluster in clusters[1:] for student in cluster["students"]) == ["=eve", "dan"]


def test_the_matrix_has_a_row_a_student_and_each_parameters_verdict(grader: Person, homework: str) -> None:
    matrix = grader.get(f"/v1/assignments/{homework}/overview").json()["matrix"]
    assert [row["student"] for row in matrix] == ["=eve", "ada", "ben", "cleo", "dan"]
    assert matrix[4]["parameters"]["layers.1.bias"] == "missing"
    assert [row["earned"] for row in matrix] == [0.0, 4.0, 3.0, 3.0, 3.0]


def test_grades_are_a_table_that_no_spreadsheet_computes(grader: Person, homework: str) -> None:
    answer = grader.get(f"/v1/assignments/{homework}/grades.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [row["student"] for row in rows] == ["'=eve", "ada", "ben", "cleo", "dan"]
    assert rows[1]["earned"] == "4.0"
    assert rows[2]["layers.1.weight"] == "incorrect"


def test_the_latest_attempt_counts_or_the_best(grader: Person) -> None:
    hw = assignment_by(grader, points=4)
    for gradients in (PREACTIVATION, RIGHT, PREACTIVATION):
        submit(grader, hw, "ada", gradients)
    earned = {}
    for counts in ("latest", "best"):
        answer = grader.get(f"/v1/assignments/{hw}/grades.csv?counts={counts}")
        (row,) = csv.DictReader(StringIO(answer.text))
        earned[counts] = (row["attempt"], row["attempts"], row["earned"])
    assert earned == {"latest": ("3", "3", "3.0"), "best": ("2", "3", "4.0")}


def test_a_changed_tolerance_is_applied_to_what_came_before(grader: Person) -> None:
    hw = assignment_by(grader)
    slightly = {
        name: [[x * (1 + 1e-4) for x in row] for row in value] if isinstance(value[0], list) else value
        for name, value in RIGHT.items()
    }
    submit(grader, hw, "ada", slightly)
    submit(grader, hw, "ben", RIGHT)
    before = grader.get(f"/v1/assignments/{hw}/overview").json()["verdicts"]
    assert before == {"incorrect": 1, "correct": 1}
    lenient = {"problem": problem_of(WRONG) | {"tolerance": "lenient"}}
    assert grader.put(f"/v1/assignments/{hw}", lenient).json()["revision"] == 2
    regrade = grader.post(f"/v1/assignments/{hw}/regrades").json()
    assert (regrade["revision"], regrade["judged"]) == (2, 2)
    (change,) = regrade["changes"]
    assert change["student"] == "ada"
    assert (change["before"]["verdict"], change["after"]["verdict"]) == ("incorrect", "correct")
    assert grader.post(f"/v1/assignments/{hw}/regrades").json()["judged"] == 0


def test_what_no_longer_fits_a_changed_problem_earns_nothing_and_why(grader: Person) -> None:
    hw = assignment_by(grader, points=4)
    submit(grader, hw, "ada", RIGHT)
    narrower = problem_of(WRONG)
    narrower["network"] = {"layers": [{"in": 3, "out": 2}]}
    narrower["parameters"] = {"layers.0.weight": [[0.1, 0.2]] * 3, "layers.0.bias": [0.1, 0.2]}
    assert grader.put(f"/v1/assignments/{hw}", {"problem": narrower, "points": 4}).status_code == 200
    assert len(grader.post(f"/v1/assignments/{hw}/regrades").json()["changes"]) == 1
    (row,) = grader.get(f"/v1/assignments/{hw}/submissions").json()
    assert (row["earned"], row["worth"]) == (0.0, 4.0)
    assert "/gradients/layers.1.weight" in row["refusal"]
    overview = grader.get(f"/v1/assignments/{hw}/overview").json()
    assert overview["verdicts"] == {"not judged": 1}
