"""`gradjury inspect` and `gradjury example --strong` as a shell sees them."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.test_command_line import FAST, run, write_example
from verifier.diagnosis.catalogue import BUGS
from verifier.documents.files import write_document
from verifier.documents.reading import read_submission
from verifier.examples.layers import example_document


def test_inspecting_prints_what_is_missed_and_the_score(tmp_path: Path) -> None:
    result = run("inspect", write_example(tmp_path, "pytorch"), folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "pytorch"
    assert "bugs of the catalogue can show in a network of this shape" in lines[1]
    assert lines[-1].startswith("  mutation score: ")


def test_json_has_a_line_a_problem(tmp_path: Path) -> None:
    names = [write_example(tmp_path, name) for name in ("pytorch", "columns")]
    result = run("inspect", *names, "--format", "json", folder=tmp_path)
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [document["source"] for document in documents] == names
    assert {document["schema"] for document in documents} == {"gradjury.inspection/1"}
    assert all(0 < document["mutation_score"] <= 1 for document in documents)


def test_a_page_holds_all_problems_and_what_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "malformed.json").write_text('{"network": 3}')
    names = [write_example(tmp_path, name) for name in ("pytorch", "columns")]
    result = run("inspect", *names, "malformed.json", "--format", "html", folder=tmp_path)
    assert result.returncode == 2
    assert result.stdout.startswith("<!doctype html>")
    assert result.stdout.count("<section") == 3
    assert result.stdout.count("mutation score") == 2
    assert "/network: " in result.stdout
    assert "malformed.json: /network: " in result.stderr


@pytest.mark.parametrize("format_name", ["json", "npz", "safetensors"])
def test_standard_input_in_any_format_needs_no_gradients(format_name: str, tmp_path: Path) -> None:
    document = example_document("relu-cross-entropy")
    del document["gradients"]
    path = tmp_path / f"question.{format_name}"
    path.write_bytes(write_document(document, format_name))
    from_file = run("inspect", path.name, folder=tmp_path)
    assert from_file.returncode == 0, from_file.stderr
    if format_name == "json":
        assert run("inspect", "-", folder=tmp_path, stdin=path.read_text()).stdout == from_file.stdout


def test_malformed_and_missing_problems_exit_2_and_hide_no_other(
    tmp_path: Path,
) -> None:
    (tmp_path / "malformed.json").write_text('{"network": 3}')
    good = write_example(tmp_path, "columns")
    result = run("inspect", "malformed.json", "absent.json", good, folder=tmp_path)
    assert result.returncode == 2
    assert "malformed.json: /network: " in result.stderr
    assert "absent.json: " in result.stderr
    assert "mutation score" in result.stdout
    assert "Traceback" not in result.stderr


def test_a_folder_means_its_problems(tmp_path: Path) -> None:
    (tmp_path / "homework").mkdir()
    for index, name in enumerate(("columns", "pytorch")):
        write_example(tmp_path / "homework", name, f"{index}.json")
    result = run("inspect", "homework", "--format", "json", folder=tmp_path)
    sources = [json.loads(line)["source"] for line in result.stdout.splitlines()]
    assert sources == ["homework/0.json", "homework/1.json"]


def test_inspections_go_to_a_file_when_asked(tmp_path: Path) -> None:
    name = write_example(tmp_path, "columns")
    result = run("inspect", name, "--output", "found.txt", folder=tmp_path)
    assert (result.returncode, result.stdout) == (0, "")
    assert "mutation score" in (tmp_path / "found.txt").read_text()
    refused = run("inspect", name, "--output", "absent/found.txt", folder=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("--output: ")


def test_a_strong_example_is_correct_and_catches_everything(tmp_path: Path) -> None:
    (tmp_path / "strong.json").write_text(run("example", "--strong", folder=tmp_path).stdout)
    assert run("check", "strong.json", *FAST, folder=tmp_path).returncode == 0
    assert run("inspect", "strong.json", folder=tmp_path).stdout.endswith("mutation score: 100.0%\n")


@pytest.mark.parametrize("name", ["columns", "pytorch"])
def test_a_strong_example_like_a_file_keeps_its_shape_and_conventions(name: str, tmp_path: Path) -> None:
    like = example_document(name)
    source = write_example(tmp_path, name)
    printed = run("example", "--strong", "--like", source, folder=tmp_path).stdout
    (tmp_path / "strong.json").write_text(printed)
    assert run("check", "strong.json", *FAST, folder=tmp_path).returncode == 0
    strong = json.loads(printed)
    assert strong["network"]["weights"] == like["network"]["weights"]
    assert strong["network"]["examples"] == like["network"]["examples"]
    assert strong["parameters"] != like["parameters"]
    for parameter, array in like["parameters"].items():
        assert np.shape(strong["parameters"][parameter]) == np.shape(array)
        assert np.shape(strong["gradients"][parameter]) == np.shape(array)
    assert read_submission(strong).graded_under == read_submission(like).graded_under


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--like", "like.json"), "--like takes the place of a name, and goes with --strong"),
        (("pytorch", "--strong", "--like", "like.json"), "--like takes the place of a name"),
        (("--strong", "--like", "absent.json"), "absent.json: "),
        (("--strong", "--like", "malformed.json"), "/network"),
        (("nothing", "--strong"), "got 'nothing'"),
    ],
)
def test_misuse_of_like_exits_2_and_says_why(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    write_example(tmp_path, "pytorch", "like.json")
    (tmp_path / "malformed.json").write_text('{"network": 3}')
    result = run("example", *options, folder=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_the_catalogue_lists_every_bug(tmp_path: Path) -> None:
    rows = json.loads(run("catalogue", "--format", "json", folder=tmp_path).stdout)["bugs"]
    text = run("catalogue", folder=tmp_path).stdout
    assert {row["name"] for row in rows} == set(BUGS)
    assert all(row["name"] in text for row in rows)


def test_a_check_prints_the_diagnosis_and_json_has_it(tmp_path: Path) -> None:
    name = write_example(tmp_path, "wrong-layer")
    text = run("check", name, *FAST, folder=tmp_path).stdout
    assert "\n  diagnosis: preactivation-as-input in layer 1 (weight_gradient)\n" in text
    (row,) = json.loads(run("check", name, "--format", "json", *FAST, folder=tmp_path).stdout)["diagnosis"]
    assert (row["bug"], row["layer"], row["parameters"]) == ("preactivation-as-input", 1, ["layers.1.weight"])
