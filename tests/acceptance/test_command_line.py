"""`gradjury` as a shell sees it: output, exit status, standard error."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.prefork.programs import warm_gradjury
from verifier.cli.main import main
from verifier.documents.files import write_document
from verifier.examples.gallery import GALLERY
from verifier.examples.layers import EXAMPLES, example_document

FAST = ("--oracles", "backpropagation,finite_differences")  # torch costs a second a process


def run(
    *arguments: str, folder: Path, stdin: str | None = None, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [warm_gradjury(), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, input=stdin, env=variables)


def write_example(folder: Path, example: str, name: str | None = None, **changes: Any) -> str:
    path = folder / (name or f"{example}.json")
    path.write_bytes(write_document(example_document(example) | changes, "json"))
    return path.name


@pytest.mark.parametrize(
    ("examples", "status"),
    [
        (["sigmoid-mse", "pytorch"], 0),
        (["sigmoid-mse", "wrong-layer"], 1),
        (["wrong-layer", "malformed"], 2),
        (["overflow"], 3),
        (["overflow", "wrong-layer"], 1),
        (["absent"], 2),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else f"exits {value}",
)
def test_the_exit_status_fails_closed(examples: list[str], status: int, tmp_path: Path) -> None:
    for example in examples:
        if example in EXAMPLES:
            write_example(tmp_path, example)
    (tmp_path / "malformed.json").write_text('{"network": 3}')
    huge = example_document("sigmoid-mse")
    huge["parameters"]["layers.1.weight"][0][0] = 1e300
    write_example(tmp_path, "sigmoid-mse", "overflow.json", parameters=huge["parameters"])
    result = run("check", *(f"{example}.json" for example in examples), *FAST, folder=tmp_path)
    assert result.returncode == status, result.stdout + result.stderr
    assert (result.stderr == "") == (status != 2)


def test_exit_zero_is_for_platforms_where_other_statuses_mean_faults(tmp_path: Path) -> None:
    result = run("check", write_example(tmp_path, "wrong-layer"), "--exit-zero", *FAST, folder=tmp_path)
    assert result.returncode == 0
    assert "incorrect" in result.stdout


def test_exit_zero_holds_for_malformed_submissions_too_but_they_are_told(tmp_path: Path) -> None:
    (tmp_path / "malformed.json").write_text('{"network": 3}')
    result = run("check", "malformed.json", "--exit-zero", *FAST, folder=tmp_path)
    assert result.returncode == 0
    assert "malformed.json: /network" in result.stderr


def test_json_has_a_line_a_report_and_none_for_what_could_not_be_judged(tmp_path: Path) -> None:
    (tmp_path / "malformed.json").write_text('{"network": 3}')
    name = write_example(tmp_path, "pytorch")
    result = run("check", "malformed.json", name, "--format", "json", *FAST, folder=tmp_path)
    assert result.returncode == 2
    assert [json.loads(line)["source"] for line in result.stdout.splitlines()] == [name]


def test_a_wrong_reported_loss_beside_right_gradients_is_told_and_exits_0(tmp_path: Path) -> None:
    name = write_example(tmp_path, "pytorch", reported_loss=1e3)
    result = run("check", name, *FAST, folder=tmp_path)
    assert result.returncode == 0
    assert "loss: incorrect: reported 1000" in result.stdout
    assert "another-loss" in result.stdout


def test_a_folder_means_its_submissions_in_order(tmp_path: Path) -> None:
    (tmp_path / "class" / "late").mkdir(parents=True)
    write_example(tmp_path / "class", "sigmoid-mse", "b.json")
    write_example(tmp_path / "class", "pytorch", "late/a.json")
    (tmp_path / "class" / "notes.txt").write_text("not a submission")
    result = run("check", "class", "--format", "json", *FAST, folder=tmp_path)
    reports = [json.loads(line) for line in result.stdout.splitlines()]
    assert [report["source"] for report in reports] == ["class/b.json", "class/late/a.json"]
    assert result.returncode == 0


def test_an_empty_folder_is_nothing_to_check(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("check", "empty", folder=tmp_path)
    assert result.returncode == 2
    assert "empty: (file): expected a file that ends in .json, .npz, .safetensors" in result.stderr


def test_standard_input_is_a_submission(tmp_path: Path) -> None:
    text = write_document(example_document("wrong-layer"), "json").decode()
    result = run("check", "-", *FAST, folder=tmp_path, stdin=text)
    assert result.returncode == 1
    assert result.stdout.startswith("wrong-layer: incorrect")


def test_malformed_input_names_file_pointer_and_remedy_for_every_mistake(tmp_path: Path) -> None:
    document = example_document("sigmoid-mse")
    weight = document["parameters"]["layers.0.weight"]
    document["parameters"]["layers.0.weight"] = [list(column) for column in zip(*weight, strict=True)]
    document["network"]["layers"][0]["activation"] = "sigmoidal"
    document["loss"] = {"name": "mse", "bach": "sum"}
    (tmp_path / "hw.json").write_text(json.dumps(document))
    result = run("check", "hw.json", folder=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "hw.json: /network/layers/0/activation" in result.stderr
    assert "did you mean 'sigmoid'?" in result.stderr
    assert "hw.json: /loss/bach" in result.stderr
    assert "did you mean 'batch'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_transposed_weight_is_answered_with_the_layout_that_fits(tmp_path: Path) -> None:
    document = example_document("sigmoid-mse")
    weight = document["parameters"]["layers.0.weight"]
    document["parameters"]["layers.0.weight"] = [list(column) for column in zip(*weight, strict=True)]
    (tmp_path / "hw.json").write_text(json.dumps(document))
    result = run("check", "hw.json", folder=tmp_path)
    assert result.stderr == (
        "hw.json: /parameters/layers.0.weight: expected shape (3, 4), got (4, 3); "
        "for PyTorch's layout set network.weights to out_in\n"
    )


def test_wrong_options_are_all_named_at_once(tmp_path: Path) -> None:
    name = write_example(tmp_path, "sigmoid-mse")
    result = run("check", name, "--format", "pdf", "--oracles", "delphi", "--rtol", "-1", folder=tmp_path)
    assert result.returncode == 2
    assert all(word in result.stderr for word in ("pdf", "delphi", "rtol"))


def test_oracles_of_graphs_and_layers_may_be_asked_and_say_if_they_apply(
    tmp_path: Path,
) -> None:
    names = [write_example(tmp_path, "sigmoid-mse"), write_example(tmp_path, "olah")]
    result = run("check", *names, "--oracles", "backpropagation,forward_mode", folder=tmp_path)
    assert result.returncode == 0
    assert "forward_mode not used (it knows graphs alone)" in result.stdout
    assert "oracles: backpropagation and forward_mode agree" in result.stdout


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--preset", "strict"), 1),
        (("--preset", "standard"), 0),
        (("--rtol", "1e-9"), 1),
        (("--rtol", "1e-5"), 0),
    ],
    ids=["strict", "standard", "tight", "loose"],
)
def test_tolerances_of_the_command_line_replace_the_documents(
    options: tuple[str, ...], status: int, tmp_path: Path
) -> None:
    gradients = example_document("sigmoid-mse")["gradients"]
    gradients["layers.0.bias"] = [x * (1 + 1e-7) for x in gradients["layers.0.bias"]]
    name = write_example(
        tmp_path, "sigmoid-mse", gradients=gradients, tolerance={"preset": "lenient"}, precision="float64"
    )
    assert run("check", name, *options, *FAST, folder=tmp_path).returncode == status


def test_reports_go_to_a_file_when_asked(tmp_path: Path) -> None:
    name = write_example(tmp_path, "pytorch")
    result = run("check", name, "--output", "report.txt", *FAST, folder=tmp_path)
    assert result.stdout == ""
    assert (tmp_path / "report.txt").read_text().startswith("pytorch: correct")


def test_a_page_draws_every_parameters_figures_and_a_students_none(tmp_path: Path) -> None:
    names = [write_example(tmp_path, name) for name in ("wrong-layer", "pytorch")]
    for audience, figures in (("grader", 8), ("student", 0)):
        arguments = ("--format", "html", "--output", "report.html", "--audience", audience, "--jobs", "2")
        result = run("check", *names, *arguments, *FAST, folder=tmp_path)
        assert (result.returncode, result.stdout, result.stderr) == (1, "", "")
        page = (tmp_path / "report.html").read_text()
        assert page.count('<figure data-figure="heatmap">') == figures
        assert page.count("<section") == 2


def test_every_example_can_be_printed_and_checked(tmp_path: Path) -> None:
    for example in EXAMPLES:
        (tmp_path / f"{example}.json").write_text(run("example", example, folder=tmp_path).stdout)
    result = run("check", ".", "--format", "json", *FAST, folder=tmp_path)
    reports = [json.loads(line) for line in result.stdout.splitlines()]
    assert {report["source"]: report["verdict"] for report in reports} == {
        f"{example}.json": "incorrect" if example == "wrong-layer" else "correct" for example in EXAMPLES
    }
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.parametrize("entry", ["scikit-learn", "nn-from-scratch"])
def test_the_gallery_is_printed_and_checked_as_examples_are(entry: str, tmp_path: Path) -> None:
    printed = run("example", f"gallery/{entry}", folder=tmp_path).stdout
    result = run("check", "-", *FAST, folder=tmp_path, stdin=printed)
    assert result.returncode == 1
    assert GALLERY[entry].claims[0].bug in result.stdout


@pytest.mark.parametrize("name", ["nothing", "gallery/nothing", "gallery/"])
def test_an_unknown_example_leads_to_those_that_exist(name: str, tmp_path: Path) -> None:
    result = run("example", name, folder=tmp_path)
    assert result.returncode == 2
    assert "gradjury example without a name lists them" in result.stderr
    listed = run("example", folder=tmp_path).stdout
    assert all(example in listed for example in EXAMPLES)
    assert all(f"gallery/{entry}" in listed for entry in GALLERY)


def test_the_catalogue_is_the_same_as_text_and_as_json(tmp_path: Path) -> None:
    text = run("catalogue", folder=tmp_path).stdout
    document = json.loads(run("catalogue", "--format", "json", folder=tmp_path).stdout)
    assert {row["name"] for row in document["activations"]} >= {"relu", "gelu", "softmax"}
    for row in document["activations"] + document["losses"] + document["oracles"]:
        assert row["name"] in text


@pytest.mark.parametrize(
    ("output", "remedy"),
    [("absent/report.txt", "create the folder 'absent' first"), (".", "name a file in that folder")],
    ids=["a missing folder", "a folder"],
)
@pytest.mark.parametrize("command", ["check", "example"])
def test_an_output_that_cannot_be_written_is_a_mistake_of_the_caller(
    command: str, output: str, remedy: str, tmp_path: Path
) -> None:
    argument = write_example(tmp_path, "pytorch") if command == "check" else "pytorch"
    result = run(command, argument, "--output", output, folder=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"--output: expected a file that can be written, got '{output}' (")
    assert result.stderr.endswith(f"; {remedy}\n")


def test_an_unforeseen_error_is_one_line_and_status_four(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr("verifier.cli.files.verify", fail)
    monkeypatch.delenv("GRADJURY_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["check", write_example(tmp_path, "pytorch")])
    assert ended.value.code == 4
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "RuntimeError: the disk is on fire" in error
