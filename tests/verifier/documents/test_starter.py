"""A problem in words, and starter files that run and whose file of gradients is judged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pairwise import check_rows
from verifier import verify
from verifier.documents.assignment import without_answer
from verifier.documents.starter import Starter, write_starter
from verifier.examples.named import list_examples, load_example

EXAMPLES = ("sigmoid-mse", "pytorch", "columns", "every-equation", "residual-block")
RETURN = "    return gradients\n"


def problem_of(name: str) -> dict[str, Any]:
    return without_answer(load_example(name))


def starter_of(problem: dict[str, Any], title: str = "Homework") -> Starter:
    return write_starter(problem, title, "problem-1.json")


def run_starter(code: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run starter code whose backward pass has been filled in with the example's gradients."""
    answer = {key: np.asarray(value).tolist() for key, value in load_example(name)["gradients"].items()}
    filled = code.replace(RETURN, f"    gradients = {answer!r}\n{RETURN}")
    assert filled != code
    (folder / "problem-1.json").write_text(json.dumps(problem_of(name)))
    monkeypatch.chdir(folder)
    exec(compile(filled, "starter.py", "exec"), {})
    with np.load(folder / "gradients.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_filled_in_starter_file_writes_gradients_that_are_judged(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = starter_of(problem_of(name), "Homework\n1").code
    gradients = run_starter(code, name, tmp_path, monkeypatch)
    assert verify({**problem_of(name), "gradients": gradients}, oracles=["backpropagation"])
    assert code.startswith("# Homework 1\n# The ")
    assert max(map(len, code.splitlines())) <= 100


def test_the_notebook_has_the_same_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = json.loads(starter_of(problem_of("pytorch")).notebook)
    assert (notebook["nbformat"], notebook["cells"][0]["cell_type"]) == (4, "markdown")
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    code = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code") + "\n"
    gradients = run_starter(code, "pytorch", tmp_path, monkeypatch)
    assert verify({**problem_of("pytorch"), "gradients": gradients}, oracles=["backpropagation"])


def test_every_example_has_words_and_a_sample_that_is_taken() -> None:
    def check(name: str) -> None:
        problem = problem_of(name)
        starter = starter_of(problem)
        assert all(sentence.endswith(".") for sentence in starter.words), starter.words
        zeros = {name: np.zeros(shape) for name, shape in starter.shapes.items()}
        report = verify({**problem, "gradients": zeros}, oracles=["backpropagation"])
        assert not any(row.verdict == "missing" for row in report.parameters.values())

    check_rows(check, list_examples())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "sigmoid-mse",
            "0.5 times the squared error, summed over the outputs and averaged over the examples",
        ),
        ("pytorch", "the squared error, averaged over the outputs and the examples"),
        ("every-equation", "plus 0.05 times the sum of the squares of all weights"),
        ("columns", "Weights have the shape (out, in), and each column of the inputs is an example"),
        ("residual-block", "Its parameters: W1 (3, 5), b1 (5,), W2 (5, 3)"),
    ],
)
def test_words_say_the_conventions_of_the_problem(name: str, sentence: str) -> None:
    assert sentence in " ".join(starter_of(problem_of(name)).words)


def test_parameters_in_a_list_have_the_names_of_their_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = problem_of("pytorch")
    listed = {**problem, "parameters": list(problem["parameters"].values())}
    starter = starter_of(listed)
    assert '"layers.1.bias": (2,)' in starter.code
    assert list(starter.shapes) == list(problem["parameters"])
