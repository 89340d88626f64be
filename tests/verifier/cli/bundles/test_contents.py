"""Contents of bundles: scripts that parse, documents that platforms read, pinned packages, no answers."""

import json
import re
import stat
import subprocess
import zipfile
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
from uuid import UUID

import pytest
import yaml

from tests.verifier.cli.bundles.submissions import ASSIGNMENT, hidden_digits
from verifier.cli.bundle import BundleChoices, write_bundle
from verifier.cli.bundles import BUNDLES
from verifier.documents.assignment import read_assignment
from verifier.documents.json import to_json

ROOT = Path(__file__).parents[4]


def generated_files(bundle: Path) -> list[Path]:
    """Return the files that are written for a platform, without GradJury's packages."""
    return [path for path in bundle.rglob("*") if path.is_file() and "packages" not in path.parts]


@pytest.mark.parametrize("platform", BUNDLES)
def test_no_file_of_a_bundle_holds_the_answer(platform: str, bundles: dict[str, Path]) -> None:
    for path in generated_files(bundles[platform]):
        text = path.read_bytes().decode("utf-8", "replace").replace(".", "")
        text = re.sub("sha256:[0-9a-f]{64}", "", text)  # of packages: any digits may be in one
        assert not any(digits in text for digits in hidden_digits()), path


@pytest.mark.parametrize("platform", BUNDLES)
def test_the_assignment_in_a_bundle_is_the_instructors(platform: str, bundles: dict[str, Path]) -> None:
    row = BUNDLES[platform]
    path = bundles[platform] / row.question / "assignment.json"
    actual, expected = read_assignment(json.loads(path.read_text())), read_assignment(ASSIGNMENT)
    for field in ("title", "points", "visibility"):
        assert getattr(actual, field) == getattr(expected, field), field
    assert actual.problem == expected.problem == json.loads((bundles[platform] / row.problem).read_text())


@pytest.mark.parametrize("platform", BUNDLES)
def test_what_was_not_judged_is_out_of_as_many_points_as_what_was(platform: str, tmp_path: Path) -> None:
    unnamed = tmp_path / "a.json"
    unnamed.write_text(
        to_json({"problem": ASSIGNMENT["problem"]})
    )  # a point a parameter, of which there are 4
    assert write_bundle(BundleChoices(platform, tmp_path / "bundle", unnamed)) == 0
    path = tmp_path / "bundle" / BUNDLES[platform].question / "assignment.json"
    assert json.loads(path.read_text())["points"] == 4


@pytest.mark.parametrize("platform", BUNDLES)
def test_scripts_parse_and_those_that_platforms_start_are_executable(
    platform: str, bundles: dict[str, Path]
) -> None:
    scripts = [path for path in generated_files(bundles[platform]) if path.read_bytes().startswith(b"#!")]
    assert sorted(str(path.relative_to(bundles[platform])) for path in scripts) == sorted(
        BUNDLES[platform].executables
    )
    for path in scripts:
        subprocess.run(["bash", "-n", path], check=True)
        assert path.stat().st_mode & stat.S_IXUSR
    for path in generated_files(bundles[platform]):
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")


@pytest.mark.parametrize("platform", BUNDLES)
def test_the_readme_names_files_that_are_there_and_has_numbered_steps(
    platform: str, bundles: dict[str, Path]
) -> None:
    text = (bundles[platform] / "README.md").read_text()
    assert [int(n) for n in re.findall(r"^(\d)\. ", text, re.MULTILINE)][:3] == [1, 2, 3]
    for name in re.findall(r"`([\w/]+\.(?:zip|txt|py|sh))`", text):
        assert (bundles[platform] / name).exists(), name
    assert "attempts: 3" in text
    assert "closes: 2026-12-01T18:00:00+00:00" in text
    assert "{{" not in text.replace(ASSIGNMENT["title"], "")


def test_requirements_are_the_pinned_ones_and_need_nothing_else(bundles: dict[str, Path]) -> None:
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    lines = (bundles["gradescope"] / "requirements.txt").read_text().splitlines()
    required = [line.removesuffix(" \\") for line in lines if not line.startswith(("#", " "))]
    text = "\n".join(lines)
    for line in required:  # pip then takes no other file
        hashes = re.search(re.escape(line) + r"((?: \\\n    --hash=sha256:[0-9a-f]{64})+)", text)
        assert hashes is not None, line
        assert hashes[1].count("sha256") > 10, line  # wheels of some systems and Pythons
    assert set(required) <= set(pins)
    names = {line.partition("==")[0] for line in required}
    assert not names & {"torch", "fastapi"}
    for name in names:
        further = [each for each in metadata.requires(name) or () if "extra ==" not in each]
        assert {re.split(r"[^\w-]", each)[0] for each in further} <= names


def test_gradescopes_zip_has_two_executable_scripts_at_its_root(
    bundles: dict[str, Path],
) -> None:
    with zipfile.ZipFile(bundles["gradescope"] / "autograder.zip") as archive:
        assert archive.testzip() is None
        modes = {member.filename: member.external_attr >> 16 for member in archive.infolist()}
        for name in ("setup.sh", "run_autograder"):
            assert stat.S_IMODE(modes[name]) == 0o755
        assert stat.S_IMODE(modes["question/assignment.json"]) == 0o644
        assert "README.md" not in modes
        assert "packages/api" not in "".join(modes)


def test_prairielearns_question_grades_outside_and_shows_its_title_as_text(bundles: dict[str, Path]) -> None:
    info = json.loads((bundles["prairielearn"] / "info.json").read_text())
    assert (info["gradingMethod"], info["title"]) == ("External", ASSIGNMENT["title"])
    options = info["externalGradingOptions"]
    assert options["entrypoint"] == "/gradjury/entrypoint.sh"
    assert "enableNetworking" not in options
    settings = json.loads((bundles["prairielearn"] / "tests" / "settings.json").read_text())
    assert settings["seconds"] < options["timeout"] <= 600
    assert UUID(info["uuid"]).version == 5
    page = (bundles["prairielearn"] / "question.html").read_text()
    assert "pl-file-upload" in page
    assert "{" not in page  # PrairieLearn would take it for a variable
    texts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = texts.append  # type: ignore[method-assign]
    parser.feed(page)
    assert ASSIGNMENT["title"] in "".join(texts)


def test_the_uuid_follows_the_assignment_or_is_given(tmp_path: Path, assignment: Path) -> None:
    def uuid_of(name: str, file: Path, uuid: str | None = None) -> str:
        assert write_bundle(BundleChoices("prairielearn", tmp_path / name, file, uuid=uuid)) == 0
        return str(json.loads((tmp_path / name / "info.json").read_text())["uuid"])

    other = tmp_path / "other.json"
    other.write_text(to_json(ASSIGNMENT | {"points": 11}))
    assert uuid_of("a", assignment) == uuid_of("b", assignment) != uuid_of("c", other)
    uuid = "0f5a3c9e-8b0e-4b63-9c2e-1d2f3a4b5c6d"
    assert uuid_of("d", other, uuid.upper()) == uuid


@pytest.mark.parametrize(("platform", "file"), [("github", "action.yml"), ("gitlab", ".gitlab-ci.yml")])
def test_yaml_is_yaml(platform: str, file: str, bundles: dict[str, Path]) -> None:
    document = yaml.safe_load((bundles[platform] / file).read_text())
    if platform == "github":
        assert document["name"] == f"GradJury: {ASSIGNMENT['title']}"
        assert document["runs"]["using"] == "composite"
        assert all(step["shell"] == "bash" and step["run"] for step in document["runs"]["steps"])
        assert document["runs"]["steps"][-1]["env"] == {"FOLDER": "${{ inputs.folder }}"}
    else:
        artifacts = document["gradients"]["artifacts"]
        assert artifacts["when"] == "always"
        assert set(artifacts["reports"]) == {"junit", "codequality"}
        assert document["gradients"]["script"] == ["bash grading/run.sh"]


@pytest.mark.parametrize(("platform", "file"), [("github", "action.yml"), ("gitlab", ".gitlab-ci.yml")])
def test_yaml_is_indented_by_spaces_in_steps_of_two(
    platform: str, file: str, bundles: dict[str, Path]
) -> None:
    text = (bundles[platform] / file).read_text()
    assert "\t" not in text
    depths = [len(line) - len(line.lstrip(" ")) for line in text.splitlines() if line.strip()]
    assert all(depth % 2 == 0 for depth in depths)
    assert depths[0] == 0


@pytest.mark.parametrize("platform", BUNDLES)
def test_a_bundle_written_again_is_the_same_byte_for_byte(
    platform: str, bundles: dict[str, Path], assignment: Path, tmp_path: Path
) -> None:
    assert write_bundle(BundleChoices(platform, tmp_path / "again", assignment)) == 0
    contents = [
        {
            path.relative_to(root): (path.read_bytes(), path.stat().st_mode)
            for path in root.rglob("*")
            if path.is_file()
        }
        for root in (tmp_path / "again", bundles[platform])
    ]
    assert contents[0] == contents[1]
