"""JSON text in and out: duplicate keys and non-finite numbers are not lost on the way."""

import json
from math import isfinite
from typing import Any

from verifier.documents.bounds import Bounds, check_text
from verifier.documents.mistakes import MalformedSubmission, Mistake, UnreadableSubmission

_WORDS = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


def parse(text: str | bytes, bounds: Bounds | None = None) -> Any:
    """Parse JSON, held to bounds before where some are given.

    Raises: MalformedSubmission for broken text, duplicate keys, or nesting beyond all use.
    """
    if bounds is not None:
        check_text(text, bounds)
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
