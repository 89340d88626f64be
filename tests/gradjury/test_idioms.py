"""Common idioms do what they say: assert, raise, save, print, a path, a module."""

import json
from collections.abc import Mapping
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch

import gradjury
from verifier.documents.files import write_document
from verifier.documents.reading import FIELDS
from verifier.documents.typed import SubmissionFields
from verifier.examples.layers import example_document
from verifier.testing.check_backward import check_backward
from verifier.testing.graph_check_backward import check_graph_backward
from verifier.testing.pytest_gradients import Gradients

QUICK = ("backpropagation", "finite_differences")


@pytest.fixture(scope="module")
def right() -> gradjury.Report:
    return gradjury.verify(example_document("pytorch"), oracles=QUICK)


@pytest.fixture(scope="module")
def wrong() -> gradjury.Report:
    return gradjury.verify(example_document("wrong-layer"), oracles=QUICK, entries="all")


@pytest.fixture(scope="module")
def undecided() -> gradjury.Report:
    huge = example_document("sigmoid-mse")
    huge["parameters"]["layers.1.weight"][0][0] = 1e300
    return gradjury.verify(huge, oracles=QUICK)


def test_a_report_is_true_only_if_it_is_correct(
    right: gradjury.Report, wrong: gradjury.Report, undecided: gradjury.Report
) -> None:
    assert undecided.verdict == "undecided"
    assert [bool(report) for report in (right, wrong, undecided)] == [True, False, False]
    assert right.raise_if_incorrect() is right
    for report in (wrong, undecided):
        with pytest.raises(gradjury.GradientError) as error:
            report.raise_if_incorrect()
        assert isinstance(error.value, AssertionError)
        assert (str(error.value), error.value.report) == (str(report), report)


class Square:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, a: Any) -> Any:
        self.a = a
        return a * a

    def backward(self, upstream: Any) -> Any:
        return self.factor * self.a * upstream


@pytest.mark.parametrize(("factor", "truth"), [(2.0, True), (1.0, False)])
def test_a_check_of_an_operation_is_true_only_if_it_is_correct(factor: float, truth: bool) -> None:
    assert bool(gradjury.check_operation(Square(factor), shapes=[((2,),)])) is truth


def test_a_report_is_saved_in_the_format_of_its_suffix(wrong: gradjury.Report, tmp_path: Path) -> None:
    wrong.save(tmp_path / "report.txt")
    assert (tmp_path / "report.txt").read_text() == f"{wrong}\n"
    wrong.save(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "incorrect"
    for suffix, start in {
        "html": "<!doctype html>",
        "md": "#",
        "csv": "source",
        "xml": "<?xml",
        "sarif": "{",
    }.items():
        wrong.save(str(tmp_path / f"report.{suffix}"))
        assert (tmp_path / f"report.{suffix}").read_text().lower().startswith(start)
    wrong.save(tmp_path / "results.json", format="gradescope")
    assert "score" in json.loads((tmp_path / "results.json").read_text())
    wrong.save(tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "choice", "message"),
    [
        ("report.docx", None, r"a name that ends in \.txt, \.json, .*got '.*report\.docx'; or add format="),
        ("report.txt", "gradscope", "did you mean 'gradescope'"),
        ("absent/report.txt", None, "create the folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(
    name: str, choice: str | None, message: str, wrong: gradjury.Report, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        wrong.save(tmp_path / name, format=choice)


def test_reprs_are_one_short_line(wrong: gradjury.Report) -> None:
    assert repr(wrong.diagnosis[0]) == "<Diagnosis preactivation-as-input in layer 1 (weight_gradient)>"
    weight = wrong.parameters["layers.1.weight"]
    assert repr(weight) == "<ParameterReport layers.1.weight (4, 2): incorrect, 8 of 8 numbers wrong>"
    assert repr(wrong.loss) == "<LossReport mse: 3.471692239>"


def test_paths_and_open_archives_are_read(tmp_path: Path) -> None:
    document = example_document("pytorch")
    for suffix in ("json", "npz", "safetensors"):
        path = tmp_path / f"submission.{suffix}"
        path.write_bytes(write_document(document, suffix))
        assert gradjury.verify(path, oracles=QUICK)
        assert gradjury.verify(str(path), oracles=QUICK)
    with np.load(tmp_path / "submission.npz") as archive:
        assert gradjury.verify(archive, oracles=QUICK)
    assert gradjury.inspect(tmp_path / "submission.npz").mutation_score > 0.5
    with pytest.raises(FileNotFoundError):
        gradjury.verify(tmp_path / "absent.json")


def test_fields_beside_a_document_take_the_place_of_its_own(tmp_path: Path) -> None:
    document = example_document("pytorch")
    gradients = {name: np.array(value) for name, value in document["gradients"].items()}
    np.savez(tmp_path / "gradients.npz", **gradients)
    problem = {field: value for field, value in document.items() if field != "gradients"}
    with np.load(tmp_path / "gradients.npz") as archive:
        assert gradjury.verify(problem, gradients=archive, name="ada", oracles=QUICK).name == "ada"
    wrong = gradients | {"layers.0.bias": gradients["layers.0.bias"] + 1}
    assert not gradjury.verify(document, gradients=wrong, oracles=QUICK)
    network = problem.pop("network")
    assert gradjury.verify(network, **problem, gradients=gradients, oracles=QUICK)


def test_a_module_with_data_is_judged() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2)).double()
    inputs, targets = torch.randn(5, 3).double(), torch.randn(5, 2).double()
    torch.nn.functional.mse_loss(module(inputs), targets).backward()
    assert gradjury.verify(module, loss=torch.nn.MSELoss(), inputs=inputs, targets=targets)
    with pytest.raises(ValueError, match=r"inputs.*beside a module.*verify\(module, loss=…, inputs=…"):
        gradjury.verify(module, loss="torch.mse", targets=targets)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "expected a submission: its document, the path of its file, .* got null"),
        (3, "expected a submission: its document"),
        (np.sin, "for a function and its gradient call check_gradient"),
    ],
)
def test_anything_else_is_told_what_to_do_instead(source: Any, message: str) -> None:
    with pytest.raises(gradjury.MalformedSubmission, match=message):
        gradjury.verify(source)


def test_an_archive_of_arrays_alone_says_how_gradients_are_given(tmp_path: Path) -> None:
    np.savez(tmp_path / "grads.npz", dW1=np.ones(2))
    with (
        np.load(tmp_path / "grads.npz") as archive,
        pytest.raises(ValueError, match="dW1; they may be gradients"),
    ):
        gradjury.verify(archive)


def test_keywords_of_the_fixture_are_those_of_its_functions() -> None:
    pairs = {
        Gradients.check_backprop: check_backward,
        Gradients.check_graph_backprop: check_graph_backward,
        Gradients.check_operation: gradjury.check_operation,
        Gradients.check_gradient: gradjury.check_gradient,
    }
    for method, function in pairs.items():
        shown = keywords(method)
        assert shown.keys() == keywords(function).keys()
        for name, default in keywords(function).items():
            assert shown[name] in (default, None)
    assert Parameter.VAR_KEYWORD not in {p.kind for p in signature(Gradients.check).parameters.values()}


def keywords(function: Any) -> Mapping[str, Any]:
    parameters = signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.kind is Parameter.KEYWORD_ONLY}


def test_the_types_of_documents_have_all_fields() -> None:
    assert set(get_type_hints(SubmissionFields)) == set(FIELDS)


def test_a_document_is_built_from_sizes() -> None:
    parameters = {"layers.0.weight": [[1.0], [2.0]], "layers.0.bias": [0.5]}
    document = gradjury.build_document(
        [2, 1], parameters=parameters, inputs=[[1.0, 2.0]], targets=[[1.0]], gradients=parameters
    )
    assert document["network"]["layers"] == [{"in": 2, "out": 1, "activation": "identity", "bias": True}]
    assert gradjury.verify(document, oracles=QUICK).verdict == "incorrect"
    with pytest.raises(ValueError, match="hidden='tanh'"):
        gradjury.build_document([2, 3, 1], parameters={}, inputs=[], targets=[], gradients={})
