"""Pages are written in plain English: short sentences, few semicolons and colons, no phrases of a riddle."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

import api.command_line  # noqa: F401 -- adds the commands of the service
from tests.docs.pages import PAGES
from tests.docs.prose import LONG, readability, sentences_of, words_of
from verifier.cli import main as cli
from verifier.diagnosis.catalogue import BUGS

LONGEST = 40  # words of a sentence on any page
MEAN, SHARE, MARKS = 15.5, 0.10, 0.28  # words in a sentence, share of long ones, semicolons and colons
EARLIER = {  # pages that are denser: their figures may fall, and not rise
    "docs/functions.md": (15, 0.10, 0.20),
    "docs/graphs.md": (16, 0.14, 0.20),
    "docs/operation.md": (14, 0.12, 0.25),
}
BANNED = (
    r"what is wrong",
    r"^who ",
    r"^whoever ",
    r"^what(?![^?]*\?$) ",  # "What is …" as a subject; questions are welcome
    r"what one ",
    r"no mistake of its own",
    r"is told",
    r"are told",
    r"handed in",
    r"as it comes",
    r"at its word",
    r"that somebody",
    r"\bsuch stands\b",
    r"\bmend(s|ed)?\b",
)


@pytest.mark.parametrize("page", PAGES)
def test_sentences_are_short_and_say_one_thing(page: str) -> None:
    sentences = list(sentences_of(PAGES[page].read_text(encoding="utf-8")))
    found = readability(sentences)
    mean, share, marks = EARLIER.get(page, (MEAN, SHARE, MARKS))
    assert found.mean <= mean, f"{page}: {found.mean:.1f} words in a sentence"
    assert found.long <= share, f"{page}: {found.long:.0%} of the sentences have more than {LONG} words"
    assert found.marks <= marks, f"{page}: {found.marks:.2f} semicolons and colons in a sentence"
    if page not in EARLIER:
        assert [one for one in sentences if len(words_of(one)) > LONGEST] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page not in EARLIER])
def test_no_page_uses_a_banned_phrase(page: str) -> None:
    sentences = sentences_of(PAGES[page].read_text(encoding="utf-8"))
    pattern = re.compile("|".join(BANNED), re.IGNORECASE)
    assert [one for one in sentences if pattern.search(one)] == []


def test_the_pages_that_wait_exist() -> None:
    assert EARLIER.keys() <= PAGES.keys()


def test_texts_of_the_catalogue_are_short() -> None:
    kinds = ("explanation", "hint", "looks_like", "why", "see", "fix", "for_students")
    texts = [getattr(bug.words, kind) for bug in BUGS.values() for kind in kinds]
    found = readability([sentence for text in texts for sentence in sentences_of(text)])
    assert found.mean <= 15.5, f"{found.mean:.1f} words in a sentence"
    assert found.long <= 0.06, f"{found.long:.0%} of the sentences have more than {LONG} words"


def test_help_texts_are_short_and_plain() -> None:
    texts = list(help_texts(typer.main.get_command(cli.app)))
    assert len(texts) > 50
    assert [text for text in texts if len(words_of(text)) > LONG] == []
    pattern = re.compile(r"\b(otherwise|else)\.|; else|as it is|who ", re.IGNORECASE)
    assert [text for text in texts if pattern.search(text)] == []


def help_texts(command: Any) -> Iterator[str]:
    """Yield the help of a command's options, and of the commands in it."""
    yield from (one.help for one in command.params if getattr(one, "help", None))
    for inner in getattr(command, "commands", {}).values():
        yield from help_texts(inner)
