"""A folder of students' files becomes a table of grades and a file of feedback each, by one command."""

import csv
import json
import os
from collections.abc import Mapping
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_impl.array import Array
from verifier.cli.main import main
from verifier.documents.assignment import read_assignment
from verifier.documents.assignment_files import assignment_document
from verifier.exporters.grades import student_names
from verifier.problem.errors import MalformedSubmission

SIZES = (4, 6, 5, 3)
RNG = np.random.default_rng(3)
PARAMETERS: dict[str, Array] = {}
for _number, (_before, _after) in enumerate(pairwise(SIZES), 1):
    PARAMETERS |= {f"W{_number}": RNG.normal(size=(_before, _after)), f"b{_number}": RNG.normal(size=_after)}
INPUTS, LABELS = RNG.normal(size=(12, 4)), RNG.integers(0, 3, 12)
ASSIGNMENT = """{
  "title": "HW3",
  "points": 10,
  "problem": {
    "arrays": "problem.npz",
    "network": {"layers": [{"in": 4, "out": 6, "activation": "relu"},
                           {"in": 6, "out": 5, "activation": "relu"}, {"in": 5, "out": 3}]},
    "loss": "cross_entropy"
  }
}
"""


def gradients(*, relu_derivative: bool = True, mean: bool = True) -> dict[str, Array]:
    """Return the gradients as a numpy course computes them, with biases of shape (1, units)."""
    outputs, pre = [INPUTS], []
    for number in (1, 2, 3):
        pre.append(outputs[-1] @ PARAMETERS[f"W{number}"] + PARAMETERS[f"b{number}"])
        outputs.append(np.maximum(pre[-1], 0) if number < 3 else pre[-1])
    exponentials = np.exp(outputs[-1] - outputs[-1].max(axis=1, keepdims=True))
    delta = exponentials / exponentials.sum(axis=1, keepdims=True) - np.eye(3)[LABELS]
    delta = delta / len(INPUTS) if mean else delta
    result = {}
    for number in (3, 2, 1):
        result |= {f"dW{number}": outputs[number - 1].T @ delta, f"db{number}": delta.sum(0, keepdims=True)}
        delta = delta @ PARAMETERS[f"W{number}"].T
        if number > 1 and (relu_derivative or number == 3):
            delta = delta * (pre[number - 2] > 0)
    return result


RIGHT = gradients()
CLASS: dict[str, Mapping[str, Array]] = {
    "abel": RIGHT,
    "bohr": {name[1:]: array for name, array in RIGHT.items()},
    "curie": gradients(relu_derivative=False),
    "dirac": {name: array for name, array in RIGHT.items() if name != "db2"},
    "euler": {name: array.T if name.startswith("dW") else array for name, array in RIGHT.items()},
    "fermi": {name: array.T if name.startswith("dW") else array for name, array in RIGHT.items()},
    "gauss": {name: array.astype(np.float32) for name, array in RIGHT.items()},
}


def make_class(folder: Path, students: Mapping[str, Mapping[str, Array]]) -> None:
    np.savez(folder / "problem.npz", X=INPUTS, y=LABELS, **PARAMETERS)
    (folder / "hw3.json").write_text(ASSIGNMENT)
    for student, arrays in students.items():
        (folder / "hw3" / student).mkdir(parents=True)
        np.savez(folder / "hw3" / student / "grads.npz", **arrays)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, list[str]]:
    with pytest.raises(SystemExit) as ended:
        main(["check", *map(str, arguments), "--oracles", "backpropagation", "--jobs", "1"])
    output = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, output.out, output.err.splitlines()


def test_one_command_makes_a_table_of_grades_and_feedback_for_each_student(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ASSIGNMENT.count("\n") <= 10
    monkeypatch.chdir(tmp_path)
    make_class(tmp_path, CLASS)
    (tmp_path / "hw3" / "hilbert").mkdir()
    (tmp_path / "hw3" / "hilbert" / "grads.npz").write_bytes(b"PK\x03\x04" + os.urandom(99))
    (tmp_path / "hw3" / "ito").mkdir()
    (tmp_path / "hw3" / "jacobi").mkdir()
    (tmp_path / "hw3" / "jacobi" / "grads.pkl").write_bytes(b"\x80")
    (tmp_path / "hw3" / "__MACOSX" / "abel").mkdir(parents=True)
    (tmp_path / "hw3" / "__MACOSX" / "abel" / "._grads.npz").write_bytes(b"\0")
    code, out, errors = run(
        capsys, "hw3", "--assignment", "hw3.json", "--format", "grades", "--output-dir", "feedback"
    )
    assert code == 2  # some files could not be judged
    rows = {row["student"]: row for row in csv.DictReader(StringIO(out))}
    assert list(rows) == [*CLASS, "hilbert", "ito", "jacobi"]
    earned = {student: row["earned"] for student, row in rows.items()}
    assert earned == {
        "abel": "10", "bohr": "10", "curie": "6.67", "dirac": "8.33", "euler": "0", "fermi": "0",
        "gauss": "10", "hilbert": "0", "ito": "0", "jacobi": "0",
    }  # fmt: skip
    of_parameters = [float(rows["abel"][name]) for name in rows["abel"] if name.startswith("layers.")]
    assert sum(of_parameters) == pytest.approx(10, abs=1e-12)
    assert {row["worth"] for row in rows.values()} == {"10"}
    assert rows["curie"]["mistakes"] == "missing-activation-derivative in layer 0 (hidden_delta)"
    assert rows["dirac"]["mistakes"] == "missing layers.1.bias"
    assert "a folder with grads.pkl" in rows["jacobi"]["remark"]
    assert "2 files have the same mistakes: hw3/euler/grads.npz, hw3/fermi/grads.npz" in errors
    assert sorted(path.name for path in Path("feedback").iterdir()) == [f"{name}.html" for name in rows]
    curie = Path("feedback/curie.html").read_text()
    assert "Points: 6.67 of 10" in curie
    assert "missing-activation-derivative" not in curie  # what students see is set by the assignment
    assert "transpose the gradient" in Path("feedback/euler.html").read_text()


def test_reports_in_a_folder_have_the_requested_format_and_audience(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_class(tmp_path, {name: CLASS[name] for name in ("abel", "curie", "euler")})
    choice = ("hw3", "--assignment", "hw3.json", "--output-dir", "out", "--audience", "grader", "--format")
    code, out, _ = run(capsys, *choice, "text")
    assert (code, out) == (
        2,
        "3 submissions: 1 correct, 1 incorrect, 1 malformed; their reports are in out\n",
    )
    assert Path("out/abel.txt").read_text().startswith("abel/grads.npz: correct\n")
    assert "expected" in Path("out/curie.txt").read_text()
    assert Path("out/euler.txt").read_text().startswith("euler/grads.npz: malformed\n  /gradients/dW3: expe")
    run(capsys, *choice, "json")
    assert json.loads(Path("out/euler.json").read_text())["errors"][0]["pointer"] == "/gradients/dW3"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("hw3/out", "--output-dir: expected a folder outside of 'hw3', got 'hw3/out'; name one beside it"),
        ("hw3.json", "--output-dir: expected a folder that can be written, got 'hw3.json' (File exists)"),
    ],
)
def test_a_folder_that_cannot_hold_feedback_is_refused(
    option: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_class(tmp_path, {"abel": RIGHT})
    code, _, errors = run(capsys, "hw3", "--assignment", "hw3.json", "--output-dir", option)
    assert code == 2
    assert errors[0].startswith(message)


def test_an_assignment_that_shows_no_verdict_has_no_feedback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_class(tmp_path, {"abel": RIGHT})
    Path("hw3.json").write_text(ASSIGNMENT.replace('"points"', '"students_see": [], "points"'))
    options = ("hw3", "--assignment", "hw3.json", "--output-dir", "out")
    assert "add --audience grader" in run(capsys, *options)[2][0]
    assert run(capsys, *options, "--audience", "grader")[0] == 0


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        (["abel.npz", "bohr.json"], ["abel", "bohr"]),
        (["abel/grads.npz", "bohr/grads.npz"], ["abel", "bohr"]),
        (["abel/grads.npz", "bohr/a.npz", "bohr/b.mat"], ["abel", "bohr/a", "bohr/b"]),
        (["1/abel/g.npz", "1/b/g.npz", "2/abel/g.npz", "2/c/g.npz"], ["1/abel", "1/b", "2/abel", "2/c"]),
        (["abel.npz", "abel.json"], ["abel.npz", "abel.json"]),
        (["J. Doe"], ["J. Doe"]),
    ],
)  # fmt: skip
def test_students_are_named_by_the_folders_that_tell_them_apart(titles: list[str], names: list[str]) -> None:
    assert student_names(titles) == names


def write_problem(folder: Path, text: str, **arrays: Any) -> Path:
    np.savez(folder / "problem.npz", **PARAMETERS, **arrays)
    (folder / "hw3.json").write_text(text)
    return folder / "hw3.json"


@pytest.mark.parametrize(
    ("arrays", "names"),
    [
        ({"X": INPUTS, "y": LABELS}, {}),
        ({"X_train": INPUTS, "labels": LABELS[:, None]}, {}),
        ({"inputs": INPUTS, "targets": LABELS[None]}, {}),
        ({"A": INPUTS, "B": LABELS}, {"A": "inputs", "B": "targets"}),
        ({"X": INPUTS, "x": LABELS}, {"x": "targets"}),
    ],
)
def test_the_arrays_of_an_assignment_are_in_a_file_beside_it(
    arrays: dict[str, Any], names: dict[str, str], tmp_path: Path
) -> None:
    rules = ASSIGNMENT.replace('"points"', f'"names": {json.dumps(names)}, "points"')
    assignment = read_assignment(assignment_document(write_problem(tmp_path, rules, **arrays)))
    np.testing.assert_array_equal(assignment.problem["inputs"], INPUTS)
    assert assignment.points.total == 10


@pytest.mark.parametrize(
    ("change", "arrays", "message"),
    [
        (
            ("problem.npz", "absent.npz"),
            {},
            "/problem/arrays: expected a file that can be read, 'absent.npz'",
        ),
        (('"problem.npz"', "3"), {}, "/problem/arrays: expected the path of a file of arrays"),
        (("problem.npz", "hw3.json"), {}, "/problem/inputs: expected the field 'inputs', got nothing"),
        (("", ""), {"X": INPUTS, "x": INPUTS}, "expected one array of inputs, got several, among them 'x'"),
    ],
)
def test_a_file_of_arrays_that_cannot_be_read_is_told(
    change: tuple[str, str], arrays: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = write_problem(tmp_path, ASSIGNMENT.replace(*change), **arrays)
    with pytest.raises(MalformedSubmission) as error:
        read_assignment(assignment_document(path))
    assert message in str(error.value)


def test_a_service_is_not_asked_for_a_file() -> None:
    with pytest.raises(MalformedSubmission, match=r"/problem/arrays: .*the command line reads them"):
        read_assignment(json.loads(ASSIGNMENT))
