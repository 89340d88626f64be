"""Limit the size of documents for platforms that refuse large ones."""

from collections.abc import Callable

MIB = 2**20


def size(text: str) -> int:
    """Return the size of a text in bytes, as UTF-8 with a final newline."""
    return len(text.encode("utf-8", "replace")) + 1


def fitted(build: Callable[[int], str], rows: int, largest: int) -> str:
    """Return the text of all rows, or of half as many, repeatedly, until it has at most `largest` bytes.

    build: returns the text of the first rows, given their count.
    """
    text = build(rows)
    while size(text) > largest and rows:
        rows //= 2
        text = build(rows)
    return text
