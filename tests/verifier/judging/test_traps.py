"""Settings that are seldom meant are told to a problem's author, and to a grader whose class fails alike."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verifier.cli.main import main
from verifier.documents.assignment import read_assignment
from verifier.documents.files import write_document
from verifier.documents.reading import read_submission
from verifier.judging.traps import another_loss_notice
from verifier.pipeline.inspection import inspect
from verifier.pipeline.layers import verify

QUICK = ("backpropagation", "finite_differences")
CROSS, BINARY = "cross_entropy", "binary_cross_entropy"


def problem(activation: str, loss: Any, targets: Any) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    layers = [{"in": 3, "out": 4, "activation": "tanh"}, {"in": 4, "out": 3, "activation": activation}]
    return {
        "network": {"layers": layers},
        "loss": loss,
        "parameters": {
            "W1": rng.normal(size=(3, 4)), "b1": rng.normal(size=4),
            "W2": rng.normal(size=(4, 3)), "b2": rng.normal(size=3),
        },
        "inputs": rng.normal(size=(5, 3)),
        "targets": targets,
    }  # fmt: skip


ROWS = np.eye(3)[[0, 1, 2, 0, 1]]
TRAPS = [
    ("softmax", CROSS, ROWS, "softmax is applied twice"),
    ("softmax", {"name": CROSS, "on": "probabilities"}, ROWS, None),
    ("softmax", "categorical_crossentropy", ROWS, None),
    ("identity", CROSS, ROWS, None),
    ("sigmoid", BINARY, ROWS, "sigmoid is applied twice"),
    ("sigmoid", {"name": BINARY, "on": "probabilities"}, ROWS, None),
    ("sigmoid", CROSS, ROWS, None),
    ("identity", CROSS, [1, 2, 1, 2, 1], "if the labels count from 1"),
    ("identity", CROSS, [1, 2, 1, 2, 0], None),
    ("identity", CROSS, [1, 1, 1, 1, 1], None),
    ("identity", CROSS, 2 * ROWS, "do not sum to 1"),
]


@pytest.mark.parametrize(("activation", "loss", "targets", "message"), TRAPS)
def test_an_assignment_and_an_inspection_tell_what_is_seldom_meant(
    activation: str, loss: Any, targets: Any, message: str | None
) -> None:
    question = problem(activation, loss, targets)
    warnings = read_assignment({"problem": question}).warnings
    assert len(warnings) == (message is not None)
    if message is None:
        return
    assert message in warnings[0]
    inspection = inspect({"problem": question})
    assert inspection.advice[0] == warnings[0]
    assert warnings[0] in str(inspection)
    assert warnings[0] in [warning.detail for warning in inspection.warnings]


@pytest.mark.parametrize(
    ("students", "judged", "told"), [(30, 34, True), (17, 34, True), (16, 34, False), (2, 2, False)]
)
def test_a_class_that_fits_another_loss_raises_a_question(students: int, judged: int, told: bool) -> None:
    expected = f"{students} of {judged} fit another loss: is the assignment's loss the one you meant?"
    assert another_loss_notice(students, judged) == (expected if told else None)


def test_the_command_line_tells_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meant = problem("softmax", {"name": CROSS, "on": "probabilities"}, ROWS)
    right = verify(meant | {"gradients": meant["parameters"]}, oracles=QUICK, entries="all")
    gradients = {
        row.name: row.entries.expected for row in right.parameters.values() if row.entries is not None
    }
    for student in range(3):
        np.savez(tmp_path / f"{student}.npz", **gradients)
    question = problem("softmax", CROSS, ROWS)
    assignment = tmp_path / "assignment.json"
    assignment.write_bytes(write_document({"problem": question}, "json"))
    files = [str(tmp_path / f"{student}.npz") for student in range(3)]
    with pytest.raises(SystemExit) as ended:
        main(["check", *files, "--assignment", str(assignment), "--oracles", ",".join(QUICK), "--jobs", "1"])
    assert ended.value.code == 1
    first, last = capsys.readouterr().err.splitlines()
    note = f"--assignment {assignment}: note: "
    assert first.startswith(f"{note}the last layer is softmax and cross_entropy is on")
    assert last == f"{note}3 of 3 fit another loss: is the assignment's loss the one you meant?"


def test_gradients_of_integers_are_told(tmp_path: Path) -> None:
    question = problem("identity", "mse", ROWS)
    integers = {name: np.rint(array).astype(int) for name, array in question["parameters"].items()}
    (warning,) = read_submission(question | {"gradients": integers}).warnings
    assert warning.code == "integer-gradients"
    assert not read_submission(question | {"gradients": integers | {"b1": np.ones(4)}}).warnings
