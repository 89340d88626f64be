"""The commands and output on the pages about assignments and bundles are correct."""

import json
import re
from pathlib import Path

import pytest

from verifier.cli.bundle import BundleChoices, write_bundle
from verifier.cli.bundles import BUNDLES
from verifier.documents.assignment import FIELDS, SEEN, read_assignment
from verifier.documents.gradients import parse_gradients, submission_document
from verifier.documents.reading import read_submission
from verifier.report.assignment import Assignment

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "assignments.md").read_text()
BUNDLES_PAGE = (DOCS / "bundles.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}(?: \S+)?\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def assignment_of_page() -> Assignment:
    return read_assignment(json.loads(blocks("json")[0]))


def test_the_assignment_shown_can_be_read_and_bundled(tmp_path: Path) -> None:
    (tmp_path / "assignment.json").write_text(blocks("json")[0])
    assert assignment_of_page().points.total == 10
    assert write_bundle(BundleChoices("github", tmp_path / "out", tmp_path / "assignment.json")) == 0


def test_every_field_and_everything_that_students_may_see_is_described() -> None:
    assert all(f"`{word}`" in PAGE for word in (*FIELDS, *SEEN))


def test_the_files_shown_answer_the_assignment_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(blocks("python")[0], {})
    contents = [block.encode() for block in blocks("json") if '"problem"' not in block]
    contents += [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(contents) == 5
    read = [
        read_submission(submission_document(assignment_of_page().problem, parse_gradients(each)))
        for each in contents
    ]
    uploaded = [{name: each.tolist() for name, each in one.gradients.items()} for one in read]
    assert all(one == uploaded[0] for one in uploaded)
    assert len(uploaded[0]) == 4


def test_every_platform_has_its_command() -> None:
    for platform, row in BUNDLES.items():
        assert re.search(rf"^\$ gradjury bundle {platform} ", BUNDLES_PAGE, re.MULTILINE)
        assert all(f"`--{option} " in BUNDLES_PAGE for option in row.options)
