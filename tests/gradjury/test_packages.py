"""A project whose own files are named like GradJury's packages: its tests and the command work beside it."""

import subprocess
import sys
from pathlib import Path

import pytest

from gradjury.packages import ShadowedPackage, import_package
from verifier.documents.files import write_document
from verifier.examples.layers import example_document

ROOT = Path(__file__).parents[2]
QUICK = '@pytest.mark.gradients(oracles=["backpropagation", "finite_differences"])'
OWN_TEST = f"""
import api, pytest

def test_own():
    assert api.predict() == 1

{QUICK}
def test_gradients(gradients):
    layers, weight = [{{"in": 1, "out": 1, "bias": False}}], {{"layers.0.weight": [[2.0]]}}
    gradients.check(layers, "mse", [[1.0]], [[1.0]], {{"layers.0.weight": [[1.0]]}}, parameters=weight)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a `verifier.py`, an `api/`, a `reference_impl/` and a `tests/` of its own."""
    (tmp_path / "verifier.py").write_text("def verify():\n    return 'mine'\n")
    for name in ("api", "reference_impl", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("def predict():\n    return 1\n")
    (tmp_path / "tests" / "test_own.py").write_text(OWN_TEST)
    (tmp_path / "right.json").write_bytes(write_document(example_document("pytorch"), "json"))
    return tmp_path


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def run_pytest(project: Path, *arguments: str) -> str:
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:xdist")
    return run(project, "-m", "pytest", *options, *arguments).stdout


def test_importing_gradjury_imports_no_numpy(project: Path) -> None:
    text = "import gradjury, sys; dir(gradjury); print('numpy' in sys.modules, gradjury.load.__module__)"
    result = run(project, "-c", text)
    assert (result.stdout, result.stderr) == ("False verifier.documents.files\n", "")


def test_tests_of_the_project_and_the_fixture_run_side_by_side(project: Path) -> None:
    assert run_pytest(project).splitlines()[-1].startswith("2 passed")


def test_a_module_that_hides_a_package_is_named(project: Path) -> None:
    test = project / "tests" / "test_own.py"
    test.write_text(
        f"import verifier\n{OWN_TEST}\ndef test_verify():\n    assert verifier.verify() == 'mine'\n"
    )
    shown = run_pytest(project)
    assert shown.splitlines()[-1].startswith("2 passed, 1 error")
    assert (
        f"GradJury's package 'verifier' ({ROOT / 'verifier'}) is hidden by {project / 'verifier.py'}, "
        "which was imported as 'verifier'; rename that file or folder"
    ) in shown


def test_the_command_and_its_processes_take_gradjurys_packages(project: Path) -> None:
    options = ("--oracles", "backpropagation,finite_differences", "--jobs", "2")
    result = run(project, "-m", "gradjury", "check", "right.json", "right.json", *options)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("pytorch: correct") == 2


def test_a_package_is_ours_only_from_beside_gradjury(monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_package("verifier.report.verdict").ExitStatus.CORRECT == 0
    monkeypatch.setitem(sys.modules, "verifier", pytest)
    with pytest.raises(ShadowedPackage, match=r"is hidden by .*pytest/__init__\.py"):
        import_package("verifier.report.verdict")
