"""`gradjury bundle`: its mistakes, its options, and that it works where GradJury is installed."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from verifier.cli.bundle import BundleChoices, write_bundle
from verifier.cli.bundles import BUNDLES
from verifier.cli.main import main
from verifier.documents.files import write_document
from verifier.examples.layers import example_document

ROOT = Path(__file__).parents[2]


@pytest.fixture
def assignment(tmp_path: Path) -> Path:
    return write_json(tmp_path / "assignment.json", example_document("sigmoid-mse"))


def write_json(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def assignment_of(**fields: Any) -> dict[str, Any]:
    document = example_document("sigmoid-mse")
    return {
        "problem": {k: v for k, v in document.items() if k not in ("gradients", "reported_loss")}
    } | fields


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"instances": "per_student"},
            "/instances: expected 'shared': a bundle has one problem, got 'per_student'; serve it with",
        ),
        ({"students_see": []}, "/students_see: expected 'verdict' among what students see"),
        ({"points": -1}, "/points: expected a finite number of at least 0, got -1"),
    ],
    ids=["numbers for each student", "students see nothing", "malformed"],
)
def test_an_assignment_that_no_platform_can_grade_is_refused(
    fields: dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_json(tmp_path / "a.json", assignment_of(**fields))
    assert write_bundle(BundleChoices("gradescope", tmp_path / "out", path)) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("platform", "options", "words"),
    [
        (
            "gradscope",
            {},
            "PLATFORM: expected one of gradescope, prairielearn, classroom50, github, gitlab, ",
        ),
        ("gradscope", {}, "did you mean 'gradescope'?"),
        ("github", {"image": "x"}, "--image: expected no such option for github, got one; it is for prairi"),
        ("gitlab", {"uuid": "x"}, "--uuid: expected a UUID of 32 hexadecimal digits"),
        ("github", {"zip": Path("absent/a.zip")}, "--zip: expected a file that can be written"),
        ("prairielearn", {"image": "a b; rm"}, "--image: expected a container's name"),
        ("gradescope", {"zip": Path("absent/a.zip")}, "create the folder 'absent' first"),
        ("gradescope", {"zip": Path("/")}, "name a file in that folder"),
        ("gradescope", {"assignment": Path("absent.json")}, "--assignment absent.json: expected a file"),
    ],
)
def test_options_that_mean_nothing_are_named_with_what_mends_them(
    platform: str,
    options: dict[str, Any],
    words: str,
    assignment: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments: dict[str, Any] = {"assignment": assignment} | options
    assert write_bundle(BundleChoices(platform, tmp_path / "out", **arguments)) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_every_mistake_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_json(tmp_path / "a.json", assignment_of(instances="per_student", students_see=[]))
    (tmp_path / "out").write_text("a file")
    assert write_bundle(BundleChoices("github", tmp_path / "out", path, uuid="1")) == 2
    pointers = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert pointers == ["--uuid", "--uuid", "DIR", "--assignment/instances", "--assignment/students_see"]


def test_a_folder_that_is_not_empty_is_written_to_only_by_force(
    assignment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert write_bundle(BundleChoices("gitlab", folder, assignment)) == 0
    (folder / "mine.txt").write_text("kept")
    (folder / "README.md").write_text("old")
    assert write_bundle(BundleChoices("gitlab", folder, assignment)) == 2
    assert "add --force" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == "old"
    assert write_bundle(BundleChoices("gitlab", folder, assignment, force=True)) == 0
    assert (folder / "README.md").read_text() != "old"
    assert (folder / "mine.txt").read_text() == "kept"


def test_a_folder_that_cannot_be_written_is_a_mistake(
    assignment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert write_bundle(BundleChoices("github", tmp_path / "file" / "out", assignment)) == 2
    assert capsys.readouterr().err.startswith("DIR: expected a folder that can be written, got ")


def test_the_zip_goes_where_it_is_asked_for(
    assignment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, archive = tmp_path / "out", tmp_path / "hw.zip"
    arguments = ["bundle", "gradescope", folder, "--assignment", assignment, "--zip", archive]
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    assert ended.value.code == 0
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "")
    assert not (folder / "autograder.zip").exists()
    with zipfile.ZipFile(archive) as opened:
        assert "run_autograder" in opened.namelist()


def test_a_submissions_problem_will_do_in_any_format(assignment: Path, tmp_path: Path) -> None:
    binary = tmp_path / "problem.npz"
    binary.write_bytes(write_document(example_document("pytorch"), "npz"))
    assert write_bundle(BundleChoices("github", tmp_path / "out", binary)) == 0
    document = json.loads((tmp_path / "out" / "question" / "assignment.json").read_text())
    assert "gradients" not in document["problem"]
    assert isinstance(document["problem"]["inputs"], list)


@pytest.mark.nightly  # the packages are copied and installed
def test_an_installed_gradjury_writes_the_same_bundles_as_a_checkout(
    assignment: Path, tmp_path: Path
) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for package in ("reference_impl", "verifier", "api", "gradjury"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", site, source], check=True)
    shutil.rmtree(source)
    assert not (site / "api").exists()  # a project's own `api` would collide with it
    program = (
        "import sys; site, folder, assignment, *platforms = sys.argv[1:]; sys.path.insert(0, site)\n"
        "from gradjury.command import main\n"
        "for platform in platforms:\n"
        "    sys.argv[1:] = ['bundle', platform, f'{folder}/{platform}', '--assignment', assignment]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as ended:\n"
        "        assert not ended.code\n"
        "assert sys.modules['api'].__file__.startswith(f'{site}/gradjury/lib/api/')\n"
    )
    arguments = [site, tmp_path / "installed", assignment, *BUNDLES]
    subprocess.run([sys.executable, "-I", "-c", program, *arguments], check=True)
    for platform in BUNDLES:
        choices = BundleChoices(platform, tmp_path / "checkout" / platform, assignment)
        assert write_bundle(choices) == 0
        assert files_of(tmp_path / "installed" / platform) == files_of(choices.folder)
