"""Files of `deploy/`, the action and the release name only what there is: options, settings, paths."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

from api.command_line import cli
from api.settings import Settings, read_settings
from tests.prefork.programs import warm_gradjury
from verifier.documents.json import to_json
from verifier.examples.named import load_example

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = ("gradjury.service", "gradjury-worker@.service")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def parse_command(words: list[str]) -> None:
    """Raise click's error for a command or an option that there is not."""
    assert Path(words[0]).name == "gradjury"
    group: Any = get_command(cli.app)
    context = group.make_context("gradjury", words[1:], resilient_parsing=False)
    name, command, arguments = group.resolve_command(context, words[1:])
    command.make_context(name, arguments, parent=context)


def commands() -> list[list[str]]:
    compose = yaml.safe_load(read("deploy/compose.yaml"))["services"]
    units = [
        re.findall(r"^ExecStart=(.*)$", read(f"deploy/{unit}"), re.MULTILINE)[0].split() for unit in UNITS
    ]
    return [*units, compose["service"]["command"], compose["worker"]["command"]]


def test_every_command_of_units_and_compose_can_be_run() -> None:
    assert len(commands()) == 4
    for words in commands():
        parse_command(words)


def test_the_example_of_settings_names_settings_and_valid_values() -> None:
    lines = re.findall(r"^#?([A-Z_]+)=(.*)$", read("deploy/gradjury.env.example"), re.MULTILINE)
    ours = {name: value for name, value in lines if name.startswith("GRADJURY_")}
    assert len(ours) >= 6
    assert read_settings(ours).open_checks is False
    for service in ("service", "worker"):
        names = yaml.safe_load(read("deploy/compose.yaml"))["services"][service]["environment"]
        assert {
            name.removeprefix("GRADJURY_").lower() for name in names if name.startswith("GRADJURY_")
        } <= set(Settings.model_fields)


def test_the_image_has_every_file_that_it_copies() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", read("deploy/Dockerfile"), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    sent = {line[1:] for line in read("deploy/Dockerfile.dockerignore").splitlines() if line.startswith("!")}
    assert names == sent
    assert [name for name in names if not (ROOT / name).exists()] == []


def run_action(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the last step of the action in a folder, as a runner of GitHub does."""
    steps = yaml.safe_load(read("action.yml"))["runs"]["steps"]
    defaults = {name: row["default"] for name, row in yaml.safe_load(read("action.yml"))["inputs"].items()}
    values = defaults | inputs
    variables = {
        name: re.sub(r"\$\{\{ inputs\.(\S+) \}\}", lambda match: values[match[1]], text)
        for name, text in steps[-1]["env"].items()
    }
    program = folder / "gradjury" / "bin" / "gradjury"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.unlink(missing_ok=True)
    program.symlink_to(warm_gradjury())
    environment = os.environ | variables | {
        "RUNNER_TEMP": str(folder), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")
    }  # fmt: skip
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps[-1]["run"]],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_action_annotates_and_summarises_a_wrong_submission(tmp_path: Path) -> None:
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name in ("sigmoid-mse", "wrong-layer"):
        (folder / f"{name}.json").write_text(to_json(load_example(name)), encoding="utf-8")
    failed = run_action(tmp_path)
    assert failed.returncode == 1, failed.stderr
    assert "::error file=submissions/wrong-layer.json" in failed.stdout
    assert "1 correct, 1 incorrect" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    passed = run_action(tmp_path, files="submissions/sig*.json", preset="strict")
    assert (passed.returncode, "::error" in passed.stdout) == (0, False)
