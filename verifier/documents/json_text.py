"""JSON text in and out: duplicate keys and non-finite numbers are not lost on the way."""

import json
import re
from math import isfinite
from typing import Any

import orjson

from verifier.documents.bounds import Bounds, check_text
from verifier.documents.mistakes import MalformedSubmission, Mistake, UnreadableSubmission

_COLONS = re.compile(rb'"[ \t\n\r]*:')
_WORDS = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


def parse(text: str | bytes, bounds: Bounds | None = None) -> Any:
    """Parse JSON, held to bounds before where some are given.

    Raises: MalformedSubmission for broken text, duplicate keys, or nesting beyond all use.
    """
    if bounds is not None:
        check_text(text, bounds)
    found = _parsed_quickly(text)
    return _parsed_with_care(text) if found is None else found[0]


def _parsed_quickly(text: str | bytes) -> tuple[Any] | None:
    """Give a plain document; None for one that errs, or may hold a key twice, which orjson does not tell.

    A colon after a quotation mark is a key's, or inside a string; so as many of them as there are keys mean
    that none was lost.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    colons = _COLONS.findall(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return (document,) if len(colons) == _keys(document) else None


def _keys(document: Any) -> int:
    """Count the keys of all objects that are within objects, or in lists of them."""
    if isinstance(document, dict):
        return len(document) + sum(map(_keys, document.values()))
    if isinstance(document, list) and document and not isinstance(document[0], float | int):
        return sum(map(_keys, document))
    return 0


def _parsed_with_care(text: str | bytes) -> Any:
    """Parse JSON, and say what is wrong with it, and where."""
    duplicates: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            duplicates.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return found

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UnreadableSubmission(
            "JSON text",
            f"text that breaks off or errs at {where} ({error.msg})",
            "check it with any JSON tool",
        ) from None
    except UnicodeDecodeError as error:
        raise UnreadableSubmission(
            "JSON text", f"bytes that are no UTF-8 at position {error.start}", "save it as UTF-8"
        ) from None
    except RecursionError:
        raise UnreadableSubmission(
            "JSON text", "lists or objects nested too deeply", "a matrix is a list of lists"
        ) from None
    except ValueError:  # Python refuses to convert such an integer
        found = "an integer of thousands of digits"
        raise UnreadableSubmission("JSON text", found, "write numbers as floats") from None
    if duplicates:
        raise MalformedSubmission(
            Mistake(
                "",
                "every key once in its object",
                f"the key {key[:60]!r} more than once",
                "remove all but one",
            )
            for key in dict.fromkeys(duplicates)
        )
    return document


def write(document: Any, *, indent: int | None = None) -> str:
    """Write a document whose numbers are all finite (see `number`)."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent)


def number(value: float) -> float | str:
    """Give a number as JSON can hold it: NaN and infinities as the contract's strings."""
    if isfinite(value):
        return value
    return _WORDS.get(value, "NaN")


def numbers(values: Any) -> Any:
    """Give nested lists of `number`s from an array."""
    if isinstance(values, list):
        return [numbers(item) for item in values]
    return number(values)
