"""`gradjury check` as a gate: many files, every format, silence when all is well."""

import json
import os
import pty
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.acceptance.test_command_line import FAST, run, write_example
from tests.pairwise import check_rows
from tests.prefork.programs import warm_gradjury
from verifier.cli.main import main
from verifier.exporters import EXPORTERS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "class" / "late").mkdir(parents=True)
    write_example(tmp_path / "class", "sigmoid-mse", "b.json")
    write_example(tmp_path / "class", "wrong-layer", "a.json")
    write_example(tmp_path / "class", "pytorch", "late/c.json")
    (tmp_path / "class" / "d.json").write_text('{"network": 3}')
    return tmp_path


def test_every_format_of_the_table_is_written_for_many_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)

    def check(format_name: str) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["check", "class", "--format", format_name, *FAST])
        output = capsys.readouterr()
        assert ended.value.code == 2
        assert output.out
        assert output.err
        assert all(line.startswith("class/d.json: /") for line in output.err.splitlines())

    check_rows(check, EXPORTERS)


def test_text_of_many_files_ends_with_one_line_of_totals(folder: Path) -> None:
    result = run("check", "class", *FAST, folder=folder)
    assert result.stdout.endswith("\n\n4 submissions: 2 correct, 1 incorrect, 1 malformed\n")
    assert run("check", "class/b.json", *FAST, folder=folder).stdout.count("submission") == 0


@pytest.mark.parametrize(
    ("patterns", "files"),
    [
        (["class/*.json"], ["class/a.json", "class/b.json"]),
        (["class/**/*.json"], ["class/a.json", "class/b.json", "class/late/c.json"]),
        (["class/late", "class/[a-b].json"], ["class/late/c.json", "class/a.json", "class/b.json"]),
    ],
)
def test_globs_mean_the_files_they_match(patterns: list[str], files: list[str], folder: Path) -> None:
    (folder / "class" / "d.json").unlink()
    result = run("check", *patterns, "--format", "json", *FAST, folder=folder)
    assert [json.loads(line)["source"] for line in result.stdout.splitlines()] == files


@pytest.mark.parametrize("nothing", ["empty", "none/*.json", "absent.json"])
def test_what_holds_no_file_fails_beside_files_that_are_right(nothing: str, folder: Path) -> None:
    (folder / "empty").mkdir()
    result = run("check", "class/b.json", nothing, "--format", "junit", *FAST, folder=folder)
    assert result.returncode == 2
    assert result.stderr.startswith(f"{nothing}: (file): expected ")
    assert ElementTree.fromstring(result.stdout).get("errors") == "1"


def test_processes_change_nothing_but_the_time(folder: Path) -> None:
    outcomes = []
    for jobs in ("1", "2"):
        result = run("check", "class", "--format", "json", "--jobs", jobs, *FAST, folder=folder)
        reports = [json.loads(line) | {"seconds": 0} for line in result.stdout.splitlines()]
        outcomes.append((result.returncode, result.stderr, reports))
    assert outcomes[0] == outcomes[1]


def test_quiet_prints_nothing_when_all_is_correct_and_else_what_is_not(folder: Path) -> None:
    right = run("check", "class/b.json", "class/late", "--quiet", *FAST, folder=folder)
    assert (right.returncode, right.stdout, right.stderr) == (0, "", "")
    wrong = run("check", "class/b.json", "class/a.json", "--quiet", *FAST, folder=folder)
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("wrong-layer: incorrect")
    assert "sigmoid-mse" not in wrong.stdout
    document = run("check", "class/b.json", "--quiet", "--format", "junit", *FAST, folder=folder)
    assert document.stdout == ""


def test_quiet_still_writes_the_file_that_was_asked_for(folder: Path) -> None:
    run("check", "class/b.json", "--quiet", "--format", "junit", "--output", "j.xml", *FAST, folder=folder)
    assert (folder / "j.xml").read_text().startswith("<?xml")


def test_students_and_points_are_options(folder: Path) -> None:
    arguments = ("check", "class/a.json", "--format", "gradescope", "--points", "8", *FAST)
    document = json.loads(run(*arguments, "--audience", "student", folder=folder).stdout)
    assert document["score"] == 6
    assert "expected" not in json.dumps(document)
    assert "expected" in run(*arguments, folder=folder).stdout


def test_the_step_summary_is_appended_where_github_says(folder: Path) -> None:
    summary = folder / "summary.md"
    summary.write_text("before\n")
    result = run(
        *("check", "class", "--format", "github", *FAST),
        folder=folder,
        variables=os.environ | {"GITHUB_STEP_SUMMARY": str(summary)},
    )
    assert all(line.startswith("::") for line in result.stdout.splitlines())
    text = summary.read_text()
    assert text.startswith("before\n# GradJury\n\n4 submissions: 2 correct, 1 incorrect, 1 malformed.")


def test_a_step_summary_that_cannot_be_written_changes_no_status(folder: Path) -> None:
    result = run(
        *("check", "class/b.json", "--format", "github", *FAST),
        folder=folder,
        variables=os.environ | {"GITHUB_STEP_SUMMARY": str(folder / "absent" / "summary.md")},
    )
    assert result.returncode == 0
    assert result.stderr.startswith("GITHUB_STEP_SUMMARY: expected a file that can be written, got ")


def test_gitlab_reads_the_file_of_each_case(folder: Path) -> None:
    arguments = ("check", "class/a.json", "--format", "junit", "--junit-dialect", "gitlab", *FAST)
    root = ElementTree.fromstring(run(*arguments, folder=folder).stdout)
    assert {case.get("file") for case in root.iter("testcase")} == {"class/a.json"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--points", "ten"), "--points: expected a number of at least 0"),
        (("--audience", "teacher"), "--audience: expected one of grader, student"),
        (("--junit-dialect", "maven"), "--junit-dialect: expected one of jenkins, gitlab"),
        (("--jobs", "0"), "--jobs: expected a number of processes"),
    ],
)
def test_options_that_mean_nothing_are_refused_before_anything_is_judged(
    options: tuple[str, ...], words: str, folder: Path
) -> None:
    result = run("check", "class", *options, folder=folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(words)


def test_a_file_in_which_we_fail_is_named_and_the_others_are_judged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from verifier.cli.check import CliOptions, check_files
    from verifier.cli.files import verify

    def verify_or_raise(submission, **choices):
        if submission.name == "pytorch":
            raise RuntimeError("the disk is on fire")
        return verify(submission, **choices)

    monkeypatch.setattr("verifier.cli.files.verify", verify_or_raise)
    monkeypatch.delenv("GRADJURY_DEBUG", raising=False)
    monkeypatch.chdir(folder)
    choices = CliOptions(oracles=("backpropagation", "finite_differences"))
    assert check_files(["class/late", "class/b.json"], choices, None) == 4
    output = capsys.readouterr()
    assert output.err.startswith("class/late/c.json: it could not be judged")
    assert output.out.endswith("2 submissions: 1 correct, 1 not judged\n")


def test_a_progress_bar_is_for_terminals_alone(folder: Path) -> None:
    for index in range(12):
        write_example(folder, "pytorch", f"many{index}.json")
    arguments = [warm_gradjury(), "check", "many*.json", "--quiet", *FAST]
    terminal, end = pty.openpty()
    shown = subprocess.run(arguments, cwd=folder, stderr=end, stdout=subprocess.PIPE)
    os.close(end)
    assert shown.returncode == 0
    assert b"judging" in os.read(terminal, 100_000)
    os.close(terminal)
    assert run("check", "many*.json", "--quiet", *FAST, folder=folder).stderr == ""


def test_the_pre_commit_hook_runs_a_command_that_there_is(folder: Path) -> None:
    lines = (ROOT / ".pre-commit-hooks.yaml").read_text().splitlines()
    assert lines[0] == "- id: gradjury-check"
    (entry,) = [line.split(":", 1)[1].strip() for line in lines if line.strip().startswith("entry:")]
    program, *arguments = entry.split()
    assert program == "gradjury"
    assert run(*arguments, "class/b.json", *FAST, folder=folder).returncode == 0
