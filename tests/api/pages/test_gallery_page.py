"""The gallery as a page: every entry with its citation and what judging says of it, computed."""

import json

import pytest

from tests.api.conftest import Serve
from tests.api.pages.clients import Page, Visitor
from verifier.examples.gallery import GALLERY
from verifier.examples.gallery.entry import LibraryRun


@pytest.fixture(scope="module")
def visitor(serve: Serve) -> Visitor:
    return Visitor(serve(oracles="backpropagation"))


@pytest.fixture(scope="module")
def html(visitor: Visitor) -> str:
    answer = visitor.get("/gallery")
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("name", GALLERY)
def test_an_entry_names_its_citation_its_maker_and_the_bug_it_claims(html: str, name: str) -> None:
    entry = GALLERY[name]
    section = html.split(f'aria-labelledby="{name}"')[1].split("</article>")[0]
    assert entry.citation.url in Page(section).links
    assert f"/examples/gallery/{name}" in Page(section).links
    text = Page(section).text
    assert f"({entry.citation.year})" in text
    assert (
        entry.made.release if isinstance(entry.made, LibraryRun) else "made again from its description"
    ) in text
    assert "incorrect" in text
    for claim in entry.claims:
        assert (claim.same_as or claim.bug) in text


def test_its_link_judges_it_before_ones_eyes(visitor: Visitor) -> None:
    answer = visitor.get("/examples/gallery/neuroph")
    assert answer.status_code == 200
    assert GALLERY["neuroph"].claims[0].bug in json.dumps(answer.text)


def test_an_entry_that_there_is_not_is_told_as_a_page(visitor: Visitor) -> None:
    answer = visitor.get("/examples/gallery/none")
    assert answer.status_code == 404
    assert "gallery/neuroph" in Page(answer.text).text
