"""The prose of Markdown pages, in sentences. `python -m tests.docs.prose FILE…` prints how readable it is."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LONG = 25  # words
_NO_PROSE = re.compile(
    r"^```.*?^```$|^\$\$.*?\$\$$|<!--.*?-->|^(?: *[|]|#+ |!\[| *<|    )[^\n]*$", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"!?\[((?:[^\]\[]|\[[^\]]*\])*)\]\([^)]*\)")
_ITEM = re.compile(r"^\s*(?:[-*]|\d+\.) ", re.MULTILINE)
_END = re.compile(r"(?<=[.!?])[)”\"*_]*\s+(?=[\"“(*_`]*[A-Z0-9`$])")


@dataclass(frozen=True, slots=True)
class Readability:
    """sentences: their number. mean: words in a sentence. long: share of more than LONG words.

    marks: semicolons and colons in a sentence.
    """

    sentences: int
    mean: float
    long: float
    marks: float


def sentences_of(markdown: str) -> Iterator[str]:
    """Yield the sentences of paragraphs and items; code, tables, headings and pictures are left out."""
    text = _NO_PROSE.sub("\n\n", markdown)
    text = _LINK.sub(r"\1", text)
    for paragraph in re.split(r"\n\s*\n", _ITEM.sub("\n\n", text)):
        for sentence in _END.split(" ".join(paragraph.split())):
            if len(words_of(sentence)) > 1:
                yield sentence


def words_of(sentence: str) -> list[str]:
    """Return the words; code and a formula are a word each."""
    return re.findall(
        r"[\w\N{RIGHT SINGLE QUOTATION MARK}'′-]+", re.sub(r"`[^`]*`|\$[^$]*\$", " code ", sentence)
    )


def readability(sentences: Sequence[str]) -> Readability:
    lengths = [len(words_of(sentence)) for sentence in sentences]
    plain = [re.sub(r"`[^`]*`|\$[^$]*\$|https?://\S+", "code", sentence) for sentence in sentences]
    count = len(sentences)
    return Readability(
        count,
        sum(lengths) / count,
        sum(length > LONG for length in lengths) / count,
        sum(len(re.findall(r"[;:](?=\s|$)", sentence)) for sentence in plain) / count,
    )


def main() -> None:
    everything: list[str] = []
    for name in sys.argv[1:]:
        sentences = list(sentences_of(Path(name).read_text(encoding="utf-8")))
        everything += sentences
        if sentences:
            sys.stdout.write(f"{name}: {_figures(readability(sentences))}\n")
    sys.stdout.write(f"all: {_figures(readability(everything))}\n")


def _figures(row: Readability) -> str:
    return (
        f"{row.sentences} sentences of {row.mean:.1f} words, {row.long:.0%} of more than {LONG}, "
        f"{row.marks:.2f} semicolons and colons each"
    )


if __name__ == "__main__":
    main()
