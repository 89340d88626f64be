"""Every entry of the gallery is the mistake that its citation says, and so GradJury finds."""

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verifier import verify
from verifier.cli.pages import TABLE, gallery_pages
from verifier.examples.gallery import GALLERY
from verifier.examples.gallery.entry import ClaimedBug, GalleryEntry, LibraryRun
from verifier.examples.gallery.rows import GalleryRow, gallery_rows
from verifier.examples.gallery.submissions import gallery_document

FOLDER = Path(__file__).parents[3] / "examples" / "gallery"
REMEDY = "run `make docs` (python -m verifier.cli.pages examples/gallery) and commit what it writes"
LIVE = [entry for entry in GALLERY.values() if isinstance(entry.made, LibraryRun)]
LAST_BITS = 1e-12  # relative: another machine's matrix products add up in another order


@pytest.fixture(scope="module")
def gallery_by_name() -> dict[str, GalleryRow]:
    return {row.name: row for row in gallery_rows()}


@pytest.fixture(scope="module")
def pages(gallery_by_name: dict[str, GalleryRow]) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:  # every row is judged once
        patch.setattr("verifier.cli.pages.gallery_rows", gallery_by_name.values)
        return gallery_pages()


@pytest.mark.parametrize("name", GALLERY)
def test_the_diagnosis_names_what_the_citation_says_in_its_layer(
    name: str, gallery_by_name: dict[str, GalleryRow]
) -> None:
    report, claims = gallery_by_name[name].report, GALLERY[name].claims
    assert report.verdict == "incorrect"
    assert len(report.diagnosis) == len(claims)
    for diagnosis, claim in zip(report.diagnosis, claims, strict=True):
        assert (diagnosis.bug, diagnosis.layer) == bug_in_report(claim)
        assert claim.bug in (diagnosis.bug, *diagnosis.also_consistent)


def bug_in_report(claim: ClaimedBug) -> tuple[str, int | None]:
    return (claim.bug, claim.layer) if claim.same_as is None else (claim.same_as, None)


@pytest.mark.parametrize("name", GALLERY)
def test_no_entry_rests_on_a_problem_that_hides_something(
    name: str, gallery_by_name: dict[str, GalleryRow]
) -> None:
    assert [warning.code for warning in gallery_by_name[name].report.warnings] == []


def test_there_are_many_different_mistakes_each_said_by_somebody_else() -> None:
    assert len({claim.bug for entry in GALLERY.values() for claim in entry.claims}) >= 15
    assert len({entry.citation.url for entry in GALLERY.values()}) == len(GALLERY) >= 10


@pytest.mark.parametrize("entry", GALLERY.values(), ids=GALLERY)
def test_every_entry_is_cited_and_told(entry: GalleryEntry) -> None:
    assert re.fullmatch(r"[a-z0-9-]{3,25}", entry.name)
    assert re.fullmatch(r"https://\S+", entry.citation.url)
    assert 2010 <= entry.citation.year <= 2026
    assert len(entry.citation.title) > 10
    assert len(entry.story) > 100


@pytest.mark.parametrize("entry", LIVE, ids=[entry.name for entry in LIVE])
def test_what_is_kept_is_what_the_installed_library_computes(entry: GalleryEntry) -> None:
    assert isinstance(entry.made, LibraryRun)
    computed = entry.made.compute()
    assert_same_values(computed, gallery_document(entry.name))
    library, release = entry.made.release.split()
    assert version(library) == release, f"run {REMEDY.split('(')[1].split(')')[0]} --live"
    assert verify(computed).loss.verdict == "correct"  # its loss is the declared one: the gradient is wrong


def test_every_file_is_there_and_none_is_left_over(pages: dict[str, str]) -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(pages), REMEDY


def test_the_files_are_what_the_table_gives(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        written = (FOLDER / name).read_text(encoding="utf-8")
        if name.endswith(".json"):
            assert_same_values(json.loads(written), json.loads(text))
        else:
            assert written == text, f"{name}: {REMEDY}"


def test_the_table_for_programs_says_of_every_entry_what_can_be_said(pages: dict[str, str]) -> None:
    records = [json.loads(line) for line in pages[TABLE].splitlines()]
    assert [record["name"] for record in records] == list(GALLERY)
    for record in records:
        assert record["verdict"] == "incorrect"
        assert record["declared_loss"]["name"] in ("mse", "cross_entropy", "binary_cross_entropy")
        assert record["citation"].keys() == {"title", "url", "year"}
        assert record["command"] == f"gradjury example gallery/{record['name']} | gradjury check -"


def assert_same_values(actual: Any, expected: Any) -> None:
    """Numbers to their last bits, everything else to the letter."""
    if isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key, value in expected.items():
            assert_same_values(actual[key], value)
    elif isinstance(expected, list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same_values(one, other)
    elif isinstance(expected, float):
        np.testing.assert_allclose(actual, expected, rtol=LAST_BITS, atol=1e-15)
    else:
        assert actual == expected
