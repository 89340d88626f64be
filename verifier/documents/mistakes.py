"""What is wrong with a document: every mistake at once, each with its place, and what would mend it.

MalformedSubmission (ValueError)    the document cannot be a submission
└── UnreadableSubmission            it cannot even be read: broken JSON, a damaged archive, a pickle
    └── OversizedSubmission         it is beyond a bound on its size
"""

import math
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

SHOWN = 5  # mistakes of one kind within one array
MOST = 200  # mistakes in one document
_COMPARED = 60  # names that a misspelt one is held against
_LARGE = 10**15
_NUMBER = re.compile(r"[-+]?[0-9]*\.[0-9]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+")
_LONGEST = 60  # characters of a misspelt name that are looked at


@dataclass(frozen=True, slots=True)
class Mistake:
    """pointer: RFC 6901. expected: the rule. found: what stands there. remedy: what would mend it."""

    pointer: str
    expected: str
    found: str
    remedy: str = ""

    @property
    def detail(self) -> str:
        """The whole as one sentence."""
        sentence = f"expected {self.expected}, got {self.found}"
        return f"{sentence}; {self.remedy}" if self.remedy else sentence

    @property
    def sentence(self) -> str:
        """The same after its place."""
        return f"{self.pointer or '(document)'}: {self.detail}"


class MalformedSubmission(ValueError):  # noqa: N818 -- the word that the contract uses
    """A document that is no submission; `mistakes` has all that is wrong with it."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(mistake.sentence for mistake in self.mistakes))


class UnreadableSubmission(MalformedSubmission):
    """Bytes in none of the formats, or damaged."""

    def __init__(self, expected: str, found: str, remedy: str = "") -> None:
        super().__init__([Mistake("", expected, found, remedy)])


class OversizedSubmission(UnreadableSubmission):
    """Beyond a bound on its size, which was told before its numbers were read."""

    def __init__(self, expected: str, found: str, remedy: str = "", pointer: str = "") -> None:
        MalformedSubmission.__init__(self, [Mistake(pointer, expected, found, remedy)])


class Mistakes:
    """Collects mistakes while a document is read, so that reading goes on after the first."""

    def __init__(self) -> None:
        self.found: list[Mistake] = []

    def add(self, pointer: str, expected: str, found: str, remedy: str = "") -> None:
        self.found.append(Mistake(pointer, expected, found, remedy))

    def raise_if_any(self) -> None:
        if len(self.found) > MOST:
            rest = f"{len(self.found) - MOST} more mistakes"
            raise MalformedSubmission([*self.found[:MOST], Mistake("", "no mistake", rest)])
        if self.found:
            raise MalformedSubmission(self.found)


def at(pointer: str, *steps: str | int) -> str:
    """Extend a JSON pointer, escaping as RFC 6901 section 3 says; what UTF-8 cannot hold is replaced."""
    for step in steps:
        pointer += "/" + encodable(step).replace("~", "~0").replace("/", "~1")
    return pointer


def encodable(text: Any) -> str:
    """Give text that can be written as UTF-8: a lone surrogate becomes a question mark."""
    written = str(text)
    return written if written.isascii() else written.encode("utf-8", "replace").decode("utf-8")


def shown(value: Any) -> str:
    """Describe a JSON value shortly, without echoing arrays, or numbers that are no sizes or indices."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if _NUMBER.fullmatch(value.strip()):
            return "a number in quotes"
        short = len(value) <= 40
        return f'the string "{encodable(value)}"' if short else f"a string of {len(value)} characters"
    if isinstance(value, int | float):
        return _number_shown(value)
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        return f"an object with {', '.join(map(repr, list(value)[:5]))}" if value else "an empty object"
    return f"a value of type {type(value).__name__}"


def _number_shown(value: int | float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= _LARGE:
        return "a very large number" if isinstance(value, float) else "a very large integer"
    if value == int(value):
        return f"{int(value)}"
    return "a negative number" if value < 0 else "a number that is not whole"


def nearest(name: str, known: Iterable[str], taken: Container[str] = ()) -> str:
    """Give a remedy that names the likeliest meant of `known`, none that is `taken`, or lists them."""
    names = list(known)
    free = [one for one in names if one not in taken]
    close = get_close_matches(str(name)[:_LONGEST].lower(), free[:_COMPARED], n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(names[:20])}" if names else ""


def check_fields(document: dict[str, Any], known: Iterable[str], pointer: str, mistakes: Mistakes) -> None:
    """Note every field that is not among `known`."""
    names = list(known)
    unknown = [field for field in document if field not in names]
    for field in unknown[:MOST]:
        found = f"the field {str(field)[:40]!r}"
        mistakes.add(at(pointer, field), "a known field", found, nearest(field, names, taken=document))


def read_choice(value: Any, choices: Iterable[str], pointer: str, mistakes: Mistakes) -> str | None:
    """Read one word out of several."""
    names = list(choices)
    if isinstance(value, str) and value in names:
        return value
    remedy = nearest(value, names) if isinstance(value, str) else ""
    mistakes.add(pointer, "one of " + ", ".join(names), shown(value), remedy if "mean" in remedy else "")
    return None


def read_number(
    value: Any,
    pointer: str,
    mistakes: Mistakes,
    at_least: float | None = None,
    below: float | None = None,
) -> float | None:
    """Return one finite number, no smaller than `at_least` and smaller than `below`; None after a mistake."""
    rule = "a finite number" if at_least is None else f"a finite number of at least {at_least:g}"
    rule += "" if below is None else f" and below {below:g}"
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):  # a number of numpy or PyTorch
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        remedy = "write numbers without quotes" if isinstance(value, str) else ""
        mistakes.add(pointer, rule, shown(value), remedy)
        return None
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    too_small = at_least is not None and number < at_least
    if not math.isfinite(number) or too_small or (below is not None and number >= below):
        mistakes.add(pointer, rule, shown(value))
        return None
    return number
