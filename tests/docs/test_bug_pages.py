"""The pages in docs/bugs are what the table of bugs says."""

import re
from pathlib import Path

import pytest

from verifier.cli import pages
from verifier.cli.pages import bug_pages
from verifier.diagnosis.catalogue import BUGS

FOLDER = Path(__file__).parent.parent.parent / "docs" / "bugs"
REMEDY = "run `make docs` (python -m verifier.cli.pages docs/bugs) and commit what it writes"


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return bug_pages()


def test_every_bug_has_its_page_and_no_page_is_left_over(generated: dict[str, str]) -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert set(generated) - names == set(), f"missing: {REMEDY}"
    assert names - set(generated) == set(), "pages of no bug: delete them"
    assert set(generated) == {"README.md", *(f"{bug}.md" for bug in BUGS)}


def test_the_pages_are_what_the_table_gives(generated: dict[str, str]) -> None:
    stale = [name for name, text in generated.items() if (FOLDER / name).read_text(encoding="utf-8") != text]
    assert stale == [], REMEDY


def test_every_page_is_complete(generated: dict[str, str]) -> None:
    for name, text in generated.items():
        assert not re.search(r"\{(place|above|factor|used|other|examples)\}", text), name
        assert max(map(len, text.splitlines())) <= 240, name  # a formula is a line


def test_every_link_of_the_pages_leads_somewhere(generated: dict[str, str]) -> None:
    for name, text in generated.items():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (FOLDER / target).exists(), f"{name}: {target}"


@pytest.mark.parametrize("which", ["bugs", "gallery"])
def test_a_folder_gets_its_own_pages_alone(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "bug_pages", lambda: {"bugs.md": "a"})
    monkeypatch.setattr(pages, "gallery_pages", lambda: {"gallery.md": "b"})
    monkeypatch.setattr("sys.argv", ["pages", str(tmp_path / which)])
    pages.write_pages()
    assert [path.name for path in (tmp_path / which).iterdir()] == [f"{which}.md"]


def test_a_folder_of_no_pages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pages", str(tmp_path / "elsewhere")])
    with pytest.raises(SystemExit):
        pages.write_pages()
    assert list(tmp_path.iterdir()) == []
