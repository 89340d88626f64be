"""`pip install gradjury` brings little, and that is all that checking needs."""

import json
import os
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.prefork.programs import COLD
from tests.without_torch import without_packages
from verifier.documents.files import write_document
from verifier.examples.layers import example_document

ROOT = Path(__file__).parents[2]
MOST_DISTRIBUTIONS = 15
MOST_MEGABYTES = 150


@cache
def light_distributions() -> frozenset[str]:
    """Return what the core dependencies in pyproject.toml bring, without GradJury itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting, names = list(project["dependencies"]), set()
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in names:
            names.add(name)
            waiting += distribution(name).requires or []
    return frozenset(names)


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that finds no package beyond the core dependencies."""
    kept = light_distributions() | {"gradjury"}
    others = {
        package
        for package, names in packages_distributions().items()
        if not {canonicalize_name(name) for name in names} & kept and package.isidentifier()
    }
    return without_packages(others, tmp_path_factory.mktemp("light"))


def run(*arguments: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(argument) for argument in arguments], cwd=folder, capture_output=True, text=True, env=environment
    )


def test_the_core_is_small() -> None:
    names = light_distributions()
    assert len(names) + 1 <= MOST_DISTRIBUTIONS, sorted(names)
    assert not names & {"torch", "fastapi", "uvicorn", "sqlalchemy", "pydantic", "scipy", "matplotlib"}
    files = [Path(str(file.locate())) for name in sorted(names) for file in distribution(name).files or []]
    for package in ("gradjury", "reference_impl", "verifier", "api"):
        files += (ROOT / package).rglob("*")
    size = sum(file.stat().st_size for file in files if file.is_file())
    assert size < MOST_MEGABYTES * 2**20


def test_checks_and_inspections_need_the_core_alone(light: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_bytes(write_document(example_document("wrong-layer"), "json"))
    check = run(COLD, "check", "wrong.json", "--format", "json", folder=tmp_path, environment=light)
    assert (check.returncode, check.stderr) == (1, "")
    report = json.loads(check.stdout)
    assert report["diagnosis"][0]["bug"] == "preactivation-as-input"
    (autograd,) = [row for row in report["evidence"] if row["oracle"] == "autograd"]
    assert autograd["reason"] == "PyTorch cannot be imported: No module named 'torch'"
    program = (
        "import gradjury\n"
        "report = gradjury.verify(gradjury.load('wrong.json'), entries='all')\n"
        "inspection = gradjury.inspect(gradjury.load('wrong.json'))\n"
        "print(len(report._repr_html_()) > 1000, inspection.mutation_score > 0.5)\n"
        "for refused in (report.plot, lambda: gradjury.from_torch(None, 'mse', 1, 1)):\n"
        "    try:\n        refused()\n"
        "    except ImportError as error:\n        print(error)\n"
    )
    answer = run(sys.executable, "-c", program, folder=tmp_path, environment=light)
    first, plot, torch = answer.stdout.splitlines()
    assert first == "True True"
    assert plot.endswith("install it: pip install 'gradjury[plot]'")
    assert torch.endswith("install gradjury[torch]")


@pytest.mark.parametrize("command", ["serve", "worker", "token list"])
def test_the_service_is_refused_in_one_line(command: str, light: dict[str, str], tmp_path: Path) -> None:
    result = run(COLD, *command.split(), folder=tmp_path, environment=light)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith("pip install 'gradjury[service]'\n")


@pytest.mark.nightly
def test_a_fresh_environment_gets_the_core_alone(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = (python, "-m", "pip")
    subprocess.run([*pip, "install", "--quiet", "--constraint", ROOT / "constraints.txt", ROOT], check=True)
    listed = subprocess.run([*pip, "list", "--format", "json"], check=True, capture_output=True, text=True)
    installed = {canonicalize_name(row["name"]) for row in json.loads(listed.stdout)}
    assert installed - {"pip", "setuptools"} == light_distributions() | {"gradjury"}
    (tmp_path / "right.json").write_bytes(write_document(example_document("pytorch"), "json"))
    command = [python.with_name("gradjury"), "check", "right.json"]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    assert subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True).returncode == 0
