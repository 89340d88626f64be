"""Bundles, run where platforms run them: whatever is handed in and whatever breaks, a valid result."""

import json
import os
import shutil
import subprocess
import venv
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from _pytest.mark import ParameterSet

from tests.verifier.cli.bundles.platforms import CLASSROOM, PLATFORMS, Outcome, Place
from tests.verifier.cli.bundles.submissions import REFUSED, RIGHT, WRONG, Handing, file, hidden_digits
from tests.verifier.exporters.test_schemas import JSON, junit_schema, validator

Placed = Callable[[str], Place]
GATES = ("github", "gitlab")
EVERYWHERE = {"JSON", "nothing"}
EVERYWHERE_AT_NIGHT = {
    "the child is killed",
    "two files",
    "broken JSON",
    "the assignment is corrupted",
    "the settings are corrupted",
}
# graded by processes of their own, as platforms do; the rest is about what is handed in
COLD = {"JSON", "broken JSON"}
# classroom50 and gitlab have a result and an exit status of their own where a grader fails
ALWAYS = {"the child is killed": {"gradescope", "classroom50", "gitlab"}}
# by day other tests show that they pass on a score or an exit status
TWICE = {"classroom50", "github"}
NOT_JUDGED = "it could not be judged, which is not its fault: tell your instructor"


def pair_with_platforms(cases: Iterable[str]) -> list[ParameterSet]:
    """Pair every case with Gradescope, and a few with every platform: the program that grades is the same."""
    return [
        pytest.param(case, platform, marks=pytest.mark.nightly if at_night else ())
        for case in cases
        for platform in PLATFORMS
        if platform == "gradescope" or case in EVERYWHERE | EVERYWHERE_AT_NIGHT
        for at_night in [platform not in ALWAYS.get(case, {"gradescope"}) and case in EVERYWHERE_AT_NIGHT]
    ]


def valid(platform: str, outcome: Outcome) -> dict[str, object]:
    """Hold the result against the platform's schema, and against what students may read."""
    text = "".join(outcome.files.values())
    assert "Traceback" not in text
    assert not any(digits in text.replace(".", "") for digits in hidden_digits())
    if platform != "gradescope":  # where instructors alone see what is printed
        assert "Traceback" not in outcome.printed
        assert 'File "' not in outcome.printed
    if platform == "github":
        assert all(line.startswith("::") for line in outcome.files["annotations.txt"].splitlines())
        assert outcome.files["summary.md"].strip()
        return {}
    if platform == "gitlab":
        validator(JSON["gitlab-codequality"]).validate(json.loads(outcome.files["codequality.json"]))
        root = ElementTree.fromstring(outcome.files["junit.xml"].partition("\n")[2])
        for case in root.iter("testcase"):
            assert case.attrib.pop("file")
        junit_schema().validate(ElementTree.tostring(root, "unicode"))
        return dict(root.attrib)
    name = "result.json" if platform == "classroom50" else "results.json"
    document: dict[str, object] = json.loads(outcome.files[name])
    validator(JSON[platform]).validate(document)
    return document


def test_gradjury_is_in_the_bundle_and_nowhere_else(bare_environment: Path, place_bundle: Placed) -> None:
    say = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from importlib.util import find_spec; print(find_spec('verifier').origin)"
    )
    command = [str(bare_environment / "python"), "-I", "-c", say]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    for platform in PLATFORMS:
        packages = place_bundle(platform).program / "packages"
        output = subprocess.run([*command, str(packages)], capture_output=True, text=True, check=True).stdout
        assert output.strip() == str(packages / "verifier" / "__init__.py")


@pytest.mark.parametrize(("kind", "platform"), pair_with_platforms(RIGHT))
def test_right_gradients_earn_everything(kind: str, platform: str, place_bundle: Placed) -> None:
    place = place_bundle(platform)
    RIGHT[kind](place.submission)
    outcome = place.grade() if kind in COLD else place.grade_here()
    document = valid(platform, outcome)
    assert outcome.status == 0, outcome.printed
    if platform == "gradescope":
        assert document["score"] == 10
    elif platform == "prairielearn":
        assert (document["gradable"], document["score"]) == (True, 1)
    elif platform == "classroom50":
        assert (document["score"], document["max-score"]) == (10, 10)
        assert document["submission"] == CLASSROOM["SUBMISSION_TAG"]
    elif platform == "github":
        assert "1 submission: 1 correct" in outcome.files["annotations.txt"]
    else:
        assert (document["failures"], document["errors"]) == ("0", "0")


@pytest.mark.parametrize(
    "platform",
    [pytest.param(name, marks=pytest.mark.nightly if name in TWICE else ()) for name in PLATFORMS],
)
def test_wrong_gradients_are_told_by_parameter_without_what_is_right(
    platform: str, place_bundle: Placed
) -> None:
    place = place_bundle(platform)
    file("gradients.json", json.dumps({"gradients": WRONG}))(place.submission)
    outcome = place.grade_here() if platform in ("gradescope", "prairielearn") else place.grade()
    document = valid(platform, outcome)
    assert outcome.status == (1 if platform in GATES else 0)
    assert "layers.1.bias" in "".join(outcome.files.values())
    assert "7.65" not in "".join(outcome.files.values())
    if platform == "gradescope":
        assert document["score"] == 7.5
    elif platform == "prairielearn":
        assert document["score"] == 0.75
    elif platform == "classroom50":
        assert 0 < int(str(document["score"])) < 10


@pytest.mark.parametrize(("case", "platform"), pair_with_platforms(REFUSED))
def test_what_cannot_be_judged_is_refused_with_its_reason(
    case: str, platform: str, place_bundle: Placed
) -> None:
    place = place_bundle(platform)
    hand_in, words = REFUSED[case]
    hand_in(place.submission)
    outcome = place.grade() if case in COLD or platform != "gradescope" else place.grade_here()
    document = valid(platform, outcome)
    assert words in "".join(outcome.files.values()), outcome
    assert NOT_JUDGED not in "".join(outcome.files.values())
    assert outcome.status == (2 if platform in GATES else 0)
    if platform == "prairielearn":
        assert document["gradable"] is False
        assert document["format_errors"]
    elif platform in ("gradescope", "classroom50"):
        assert document["score"] == 0


def write_file(path: str, content: str) -> Callable[[Place], None]:
    def damage(place: Place) -> None:
        (place.program / path).write_text(content)

    return damage


def _corrupted_assignment(place: Place) -> None:
    (place.question / "assignment.json").write_text('{"title": 3')


def _corrupted_settings(place: Place) -> None:
    (place.question / "settings.json").write_text("{")


def _too_slow(place: Place) -> None:
    settings = place.question / "settings.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"seconds": 1}))
    write_file(CHILD, "import time; time.sleep(600)")(place)


def _without_grade(place: Place) -> None:
    (place.program / "grade.py").unlink()


CHILD = "packages/verifier/__init__.py"  # the first module that the child imports
LAYERS = "packages/verifier/pipeline/layers.py"
INJURIES = {
    "the child is killed": write_file(
        "packages/verifier/cli/bundles/grading.py", "import os\ndef grade(*_): os.kill(os.getpid(), 9)"
    ),
    "the child has no memory": write_file(CHILD, "bytearray(1 << 60)"),
    "the child raises": write_file(LAYERS, "raise RuntimeError('secret 0.12345')"),
    "the child says all is well": write_file(CHILD, "raise SystemExit(0)"),
    "the child is too slow": _too_slow,
    "the assignment is corrupted": _corrupted_assignment,
    "the settings are corrupted": _corrupted_settings,
    "the program is gone": _without_grade,
}


@pytest.mark.parametrize(("injury", "platform"), pair_with_platforms(INJURIES))
def test_what_breaks_in_here_is_a_plain_result(injury: str, platform: str, place_bundle: Placed) -> None:
    place = place_bundle(platform)
    RIGHT["JSON"](place.submission)
    INJURIES[injury](place)
    outcome = place.grade()
    document = valid(platform, outcome)
    assert NOT_JUDGED in "".join(outcome.files.values())
    assert "secret" not in "".join(outcome.files.values())
    assert outcome.status == (4 if platform in GATES else 0)
    if (injury, platform) == ("the child raises", "gradescope"):  # instructors alone read what is printed
        assert "RuntimeError: secret" in outcome.printed
    if platform == "classroom50":
        assert (document["score"], document["max-score"]) == (0, 10)
        assert (document["owner"], document["submission"]) == ("ada", CLASSROOM["SUBMISSION_TAG"])
        assert document["datetime"] == "2026-11-20T09:30:00Z"


def test_on_prairielearn_a_question_without_tests_is_not_gradable(place_bundle: Placed) -> None:
    place = place_bundle("prairielearn")
    RIGHT["JSON"](place.submission)
    shutil.rmtree(place.question)
    assert valid("prairielearn", place.grade())["gradable"] is False


def inside_folder(hand_in: Handing, name: str) -> Handing:
    def write_submission(folder: Path) -> None:
        (folder / name).mkdir()
        hand_in(folder / name)

    return write_submission


def test_gradescope_takes_any_name_in_any_folder_but_not_what_macos_adds(place_bundle: Placed) -> None:
    place = place_bundle("gradescope")
    inside_folder(file("My answer.JSON", json.dumps({"gradients": WRONG})), "homework")(place.submission)
    inside_folder(file("._My answer.JSON", "\0"), "__MACOSX")(place.submission)
    document = valid("gradescope", place.grade_here())
    assert document["score"] == 7.5


def test_a_name_that_is_no_text_is_a_name(place_bundle: Placed) -> None:
    place = place_bundle("gradescope")
    RIGHT["JSON"](place.submission)
    (place.submission / "gradients.json").rename(place.submission / os.fsdecode(b"-\xff\n::error::.json"))
    assert valid("gradescope", place.grade())["score"] == 10


def test_students_see_no_more_than_the_assignment_lets_them(place_bundle: Placed) -> None:
    place = place_bundle("gradescope")
    file("gradients.json", json.dumps({"gradients": WRONG}))(place.submission)
    path = place.question / "assignment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"students_see": ["verdict"]}))
    outcome = place.grade_here()
    document = valid("gradescope", outcome)
    assert document["score"] == 0  # of the whole
    assert "incorrect" in outcome.files["results.json"]
    assert "layer" not in outcome.files["results.json"]


@pytest.mark.nightly  # it makes an environment with pip, which takes long
def test_a_runner_without_packages_and_network_is_told_of_plainly(
    place_bundle: Placed, tmp_path: Path
) -> None:
    place = place_bundle("classroom50")
    RIGHT["JSON"](place.submission)
    venv.create(tmp_path / "empty", symlinks=True, with_pip=False)
    command = (str(tmp_path / "empty" / "bin" / "python"), *place.command[1:])
    unreachable = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    outcome = replace(place, command=command, environment=place.environment | unreachable).grade()
    assert valid("classroom50", outcome)["score"] == 0
    assert (outcome.status, NOT_JUDGED in outcome.files["result.json"]) == (0, True)


@pytest.mark.parametrize("committed", [pytest.param("a file", marks=pytest.mark.nightly), "a link"])
def test_a_result_that_a_student_committed_does_not_count(committed: str, place_bundle: Placed) -> None:
    place = place_bundle("classroom50")
    forged = place.submission / "result.json"
    elsewhere = place.submission.parent / "elsewhere.json"
    (forged if committed == "a file" else elsewhere).write_text('{"score": 99}')
    if committed == "a link":
        forged.symlink_to(elsewhere)
    assert valid("classroom50", place.grade())["score"] == 0
    assert not forged.is_symlink()


@pytest.mark.parametrize(
    "platform", ["classroom50", pytest.param("github", marks=pytest.mark.nightly), "gitlab"]
)
def test_modules_in_a_checkout_are_not_imported(platform: str, place_bundle: Placed) -> None:
    place = place_bundle(platform)
    RIGHT["JSON"](place.submission)
    for name in ("json", "numpy", "verifier", "sitecustomize"):
        (place.submission / f"{name}.py").write_text("raise SystemExit(0)")
    outcome = place.grade()
    valid(platform, outcome)
    assert outcome.status == 0
    assert NOT_JUDGED not in "".join(outcome.files.values())
