"""Platforms as a bundle finds them: their folders, and a Python that has the bundle's requirements alone."""

import os
import re
import shutil
import subprocess
import sysconfig
import venv
import zipfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from unittest.mock import patch

from verifier.cli.bundles import BUNDLES
from verifier.cli.bundles.grading import grade

PACKAGES = ("numpy", "numpy[.-]*", "orjson*", "flint", "python_flint[.-]*", "safetensors", "safetensors-*")
CLASSROOM = {
    "CLASSROOM": "ml",
    "ASSIGNMENT": "gradients",
    "OWNER": "ada",
    "SUBMISSION_TAG": "submit/2026-11-20T09-30-00Z-abc1234",
    "COMMIT_URL": "https://github.test/commit/1",
    "RELEASE_URL": "https://github.test/release/1",
    "REVIEW_URL": "https://github.test/review/1",
}


@dataclass(frozen=True)
class Outcome:
    """files: the results, by name. printed: what the job's log holds."""

    status: int
    files: Mapping[str, str]
    printed: str


@dataclass(frozen=True)
class Place:
    """A platform's folder after a bundle was put there. submission: where students' files belong."""

    platform: str
    submission: Path
    program: Path
    question: Path
    results: Path
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]

    def grade(self) -> Outcome:
        command = (*without_network(), *self.command)
        ended = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600
        )
        names = [result.file for result in BUNDLES[self.platform].result_files]
        files = {name: (self.results / name).read_text() for name in names if (self.results / name).exists()}
        if self.platform == "github":  # its results are what was printed, and the summary
            files = {"annotations.txt": ended.stdout, "summary.md": (self.folder / "summary").read_text()}
        return Outcome(ended.returncode, files, ended.stdout + ended.stderr)

    def grade_here(self) -> Outcome:
        """Grade by the bundle's `grade.py` in this process, which saves the start of a grader.

        This is for questions about what is handed in. It shows neither what the bundle's packages hold nor
        what happens if the child process fails.
        """
        spec = spec_from_file_location("carried_grade", self.program / "grade.py")
        assert spec is not None
        assert spec.loader is not None
        program = module_from_spec(spec)
        spec.loader.exec_module(program)
        paths = {"question": self.question, "submission": self.submission, "results": self.results}
        options = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        printed = StringIO()
        debug = {"GRADJURY_DEBUG": "1"}  # as grade.py sets it for its child
        with (
            patch.object(program, "judged", grade_without_isolation),
            patch.dict(os.environ, debug),
            redirect_stdout(printed),
        ):
            status = program.main(options)
        names = [result.file for result in BUNDLES[self.platform].result_files]
        files = {name: (self.results / name).read_text() for name in names}
        return Outcome(status, files, printed.getvalue())


def grade_without_isolation(question: Path, _: object, name: str, content: bytes, work: Path) -> int:
    grade(question, work, name, content)
    return int((work / "status").read_text(encoding="utf-8"))


@cache
def without_network() -> tuple[str, ...]:
    """Return the prefix that cuts a command off from every network, where this machine allows that."""
    cut = ("unshare", "--map-root-user", "--net")
    allowed = shutil.which(cut[0]) and subprocess.run((*cut, "true"), capture_output=True).returncode == 0
    return cut if allowed else ()


def python_without_gradjury(folder: Path) -> Path:
    """Make a virtual environment that has nothing but what a bundle requires; give its bin."""
    venv.create(folder, symlinks=True, with_pip=False)
    site = next(folder.glob("lib*/python*/site-packages"))
    for pattern in PACKAGES:
        for installed in Path(sysconfig.get_path("purelib")).glob(pattern):
            (site / installed.name).symlink_to(installed)
    return folder / "bin"


def gradescope(bundle: Path, root: Path, python: Path) -> Place:
    source = root / "source"
    with zipfile.ZipFile(bundle / "autograder.zip") as archive:
        for member in archive.infolist():
            Path(archive.extract(member, source)).chmod(member.external_attr >> 16)
    shutil.copy(source / "run_autograder", root / "run_autograder")  # as Gradescope does
    (root / "gradjury_python").symlink_to(python.parent)
    command = (str(root / "run_autograder"), str(root))
    return _place("gradescope", root, python, source, "submission", "results", command)


def prairielearn(bundle: Path, root: Path, python: Path) -> Place:
    shutil.copytree(bundle / "tests", root / "tests")
    shutil.copytree(bundle / "image", root / "gradjury")
    command = (str(root / "gradjury" / "entrypoint.sh"), str(root))
    place = _place("prairielearn", root, python, root, "student", "results", command)
    return Place(**vars(place) | {"program": root / "gradjury" / "gradjury", "question": root / "tests"})


def classroom50(bundle: Path, root: Path, python: Path) -> Place:
    shutil.copytree(bundle, root / "runtime")
    command = (str(python / "python"), str(root / "runtime" / "autograder.py"))
    return _place("classroom50", root / "checkout", python, root / "runtime", ".", ".", command, CLASSROOM)


def github(bundle: Path, root: Path, python: Path) -> Place:
    shutil.copytree(bundle, root / "action")
    (root / "gradjury_python").symlink_to(python.parent)
    (step,) = re.findall(r"^ +run: (PATH=.*)$", (bundle / "action.yml").read_text(), re.MULTILINE)
    runner = {
        "RUNNER_TEMP": str(root),
        "GITHUB_ACTION_PATH": str(root / "action"),
        "GITHUB_STEP_SUMMARY": str(root / "checkout" / "summary"),
        "FOLDER": ".",
    }
    command = ("bash", "-eo", "pipefail", "-c", step)
    return _place("github", root / "checkout", python, root / "action", ".", ".", command, runner)


def gitlab(bundle: Path, root: Path, python: Path) -> Place:
    checkout = root / "checkout"
    shutil.copytree(bundle, checkout)
    (step,) = re.findall(r"script:\n    - (bash .*)$", (bundle / ".gitlab-ci.yml").read_text(), re.MULTILINE)
    command = ("bash", "-eo", "pipefail", "-c", step)
    return _place("gitlab", checkout, python, checkout / "grading", ".", "gradjury-results", command)


def _place(
    platform: str,
    folder: Path,
    python: Path,
    bundle: Path,
    submission: str,
    results: str,
    command: tuple[str, ...],
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Place:
    (folder / submission).mkdir(parents=True, exist_ok=True)
    return Place(
        platform=platform,
        submission=folder / submission,
        program=bundle / "gradjury",
        question=bundle / "question",
        results=folder / results,
        command=command,
        folder=folder,
        environment={"PATH": f"{python}{os.pathsep}/usr/bin:/bin", "HOME": str(folder), **environment},
    )


PLATFORMS: Mapping[str, Callable[[Path, Path, Path], Place]] = MappingProxyType(
    {each.__name__: each for each in (gradescope, prairielearn, classroom50, github, gitlab)}
)
assert tuple(PLATFORMS) == tuple(BUNDLES)
