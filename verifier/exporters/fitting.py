"""Documents that a platform refuses when they are too large: fewer rows, until it fits."""

from collections.abc import Callable

MIB = 2**20


def size(text: str) -> int:
    """Give the bytes that text takes as UTF-8, with its final newline."""
    return len(text.encode("utf-8", "replace")) + 1


def fitted(build: Callable[[int], str], rows: int, largest: int) -> str:
    """Build with as many rows as there are, and with half as many for as long as it is too large."""
    text = build(rows)
    while size(text) > largest and rows:
        rows //= 2
        text = build(rows)
    return text
