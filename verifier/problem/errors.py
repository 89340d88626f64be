"""Errors in a document, each with its location, and the exceptions that contain them.

MalformedSubmission (ValueError)    the document is not a valid submission
└── UnreadableSubmission            the bytes cannot be parsed: invalid JSON, a damaged archive, a pickle
    └── OversizedSubmission         the document exceeds a size limit
"""

import math
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TypeAlias

from verifier.problem.other_words import Words, plain


@dataclass(frozen=True, slots=True)
class ReportWarning:
    """One warning.

    code: a stable identifier. detail: a sentence. layer, units: the location, if there is one.
    """

    code: str
    detail: str
    layer: int | None = None
    units: tuple[int, ...] = ()


Path: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a value. Its JSON pointer is written only for an error."""

SHOWN = 5  # mistakes of one kind within one array
MOST = 200  # mistakes in one document
NO_WORDS: Words = MappingProxyType({})
_COMPARED = 60  # known names that a misspelt one is compared with
_LARGE = 10**15
_NUMBER = re.compile(r"[-+]?[0-9]*\.[0-9]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+")
_LONGEST = 60  # characters of a misspelt name that are compared
_SIMILAR = 0.7  # of two spellings of one name
_DIGITS = re.compile(r"\d+")  # layers.2.weight is not meant by layers.0.weight


@dataclass(frozen=True, slots=True)
class DocumentError:
    """One error in a document.

    Attributes
    ----------
    pointer : str
        JSON pointer to the value (RFC 6901), empty for the whole document.
    expected : str
        The rule that the value violates.
    actual : str
        A description of the value.
    remedy : str
        A suggested fix, empty if there is none.
    """

    pointer: str
    expected: str
    actual: str
    remedy: str = ""

    @property
    def detail(self) -> str:
        """Expected and actual value and the remedy, as one sentence."""
        sentence = f"expected {self.expected}, got {self.actual}"
        return f"{sentence}; {self.remedy}" if self.remedy else sentence

    @property
    def sentence(self) -> str:
        """The detail after the pointer."""
        return f"{self.pointer or '(document)'}: {self.detail}"


class MalformedSubmission(ValueError):  # noqa: N818 -- the term in the documentation of the format
    """The document is not a valid submission.

    Attributes
    ----------
    errors : tuple of DocumentError
        All errors in the document, in the order in which they were found.

    Examples
    --------
    >>> try:
    ...     load("homework.json")
    ... except MalformedSubmission as error:
    ...     print(*(item.sentence for item in error.errors), sep="\\n")
    """

    def __init__(self, errors: Iterable[DocumentError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(document_error.sentence for document_error in self.errors))


def malformed(place: str, expected: str, actual: str, remedy: str = "") -> MalformedSubmission:
    """Return an exception with one error. place: its location in the document, or the name of an argument."""
    return MalformedSubmission([DocumentError(place, expected, actual, remedy)])


class UnreadableSubmission(MalformedSubmission):
    """The bytes have no supported format, or are damaged."""

    def __init__(self, expected: str, actual: str, remedy: str = "") -> None:
        super().__init__([DocumentError("", expected, actual, remedy)])


class OversizedSubmission(UnreadableSubmission):
    """The document exceeds a size limit; its numbers were not read."""

    def __init__(self, expected: str, actual: str, remedy: str = "", pointer: str = "") -> None:
        MalformedSubmission.__init__(self, [DocumentError(pointer, expected, actual, remedy)])


@dataclass(slots=True, eq=False)
class ErrorCollector:
    """A collector of errors, so that reading continues after the first one."""

    records: list[DocumentError] = field(default_factory=list)

    def add(self, path: Path | str, expected: str, actual: str, remedy: str = "") -> None:
        """Add an error. path: of the value; a str is its JSON pointer already, or an option's name."""
        pointer = path if isinstance(path, str) else json_pointer(path)
        self.records.append(DocumentError(pointer, expected, actual, remedy))

    def rename(self, names: Mapping[str, Mapping[str, str]]) -> None:
        """Let pointers name what the document names. names: by field and by the name that was read."""
        for position, record in enumerate(self.records):
            field, _, rest = record.pointer.removeprefix("/").partition("/")
            known, slash, below = rest.partition("/")
            submitted = names.get(field, {}).get(known)
            if submitted is not None:
                pointer = json_pointer((field, submitted)) + slash + below
                self.records[position] = replace(record, pointer=pointer)

    def add_all(self, errors: Iterable[DocumentError], prefix: str) -> None:
        """Add the errors of a part of the document, whose pointers begin there."""
        self.records += [
            replace(document_error, pointer=prefix + document_error.pointer) for document_error in errors
        ]

    def raise_if_any(self) -> None:
        if len(self.records) > MOST:
            rest = f"{len(self.records) - MOST} more mistakes"
            raise MalformedSubmission([*self.records[:MOST], DocumentError("", "no mistake", rest)])
        if self.records:
            raise MalformedSubmission(self.records)


def json_pointer(path: Path) -> str:
    """Return the JSON pointer of a path, escaped as in RFC 6901 section 3."""
    steps = (replace_surrogates(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)


def replace_surrogates(text: Any) -> str:
    """Return the text with a question mark for each lone surrogate, which UTF-8 cannot encode."""
    written = str(text)
    return written if written.isascii() else written.encode("utf-8", "replace").decode("utf-8")


def describe(value: Any) -> str:
    """Return a short description of a JSON value.

    It contains no array and no fractional or negative number, since these may be part of a solution.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if _NUMBER.fullmatch(value.strip()):
            return "a number in quotes"
        short = len(value) <= 40
        return (
            f'the string "{replace_surrogates(value)}"' if short else f"a string of {len(value)} characters"
        )
    if isinstance(value, int | float):
        return _describe_number(value)
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        return f"the {'class' if isinstance(value, type) else 'function'} {value.__name__[:40]}"
    if isinstance(value, dict):
        return f"an object with {', '.join(map(repr, list(value)[:5]))}" if value else "an empty object"
    return f"a value of type {type(value).__name__}"


def _describe_number(value: int | float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= _LARGE:
        return "a very large number" if isinstance(value, float) else "a very large integer"
    if value == int(value):
        return f"{int(value)}"
    return "a negative number" if value < 0 else "a number that is not whole"


def suggest_name(name: str, known: Iterable[str], taken: Container[str] = ()) -> str:
    """Return a remedy for a misspelt name: the most similar known name, or a list of known names.

    taken: names that the document has already, which are not suggested.
    """
    names = list(known)
    free = [candidate for candidate in names if candidate not in taken]
    written = str(name)[:_LONGEST].lower()
    close = get_close_matches(written, free[:_COMPARED], n=1, cutoff=_SIMILAR)
    if close and ("." not in close[0] or _DIGITS.findall(close[0]) == _DIGITS.findall(written)):
        return f"did you mean {str(close[0])!r}?"
    return f"known are {', '.join(names[:20])}" if names else ""


def check_fields(
    document: dict[str, Any],
    known: Iterable[str],
    path: Path,
    errors: ErrorCollector,
    other_words: Words = NO_WORDS,
) -> None:
    """Add an error for every field that is not in `known`. other_words: remedies for words of others."""
    names = list(known)
    unknown = [name for name in document if name not in names]
    for name in unknown[:MOST]:
        actual = f"the field {str(name)[:40]!r}"
        remedy = other_words.get(plain(name), "")
        if not remedy or any(remedy == f"did you mean {taken!r}?" for taken in document):
            remedy = suggest_name(name, names, taken=document)
        errors.add((*path, name), "a known field", actual, remedy)


def read_choice(
    value: Any,
    choices: Iterable[str],
    path: Path | str,
    errors: ErrorCollector,
    other_words: Words = NO_WORDS,
    remedy: str = "",
) -> str | None:
    """Return the value if it is one of the choices; None after an error.

    other_words: remedies for words of others. remedy: for values without a similar choice.
    """
    names = list(choices)
    if isinstance(value, str) and value in names:
        return value
    of_object = type(value).__name__ if hasattr(value, "forward") else ""  # a module of PyTorch
    word = value if isinstance(value, str) else getattr(value, "__name__", of_object)
    similar = other_words.get(plain(word)) or (word and suggest_name(word, names))
    is_known = "mean" in similar or plain(word) in other_words
    errors.add(path, "one of " + ", ".join(names), describe(value), similar if is_known else remedy)
    return None


def read_number(
    value: Any,
    path: Path | str,
    errors: ErrorCollector,
    at_least: float | None = None,
    below: float | None = None,
) -> float | None:
    """Return a finite number with `at_least` <= number < `below`; None after an error."""
    rule = "a finite number" if at_least is None else f"a finite number of at least {at_least:g}"
    rule += "" if below is None else f" and below {below:g}"
    if tuple(getattr(value, "shape", ("",))) in ((), (1,), (1, 1)) and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        remedy = "write numbers without quotes" if isinstance(value, str) else ""
        errors.add(path, rule, describe(value), remedy)
        return None
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    too_small = at_least is not None and number < at_least
    if not math.isfinite(number) or too_small or (below is not None and number >= below):
        errors.add(path, rule, describe(value))
        return None
    return number
