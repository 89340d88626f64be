"""Parse and write JSON; duplicate keys are errors, and non-finite numbers are written as strings."""

import json
import re
from math import isfinite
from typing import Any

import orjson

from verifier.documents.bounds import Bounds, check_text
from verifier.documents.mistakes import MalformedSubmission, Mistake, UnreadableSubmission

_COLONS = re.compile(rb'"[ \t\n\r]*:')
_INFINITIES = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


def parse(text: str | bytes, bounds: Bounds | None = None) -> Any:
    """Return the document in a JSON text; check the text against the bounds first.

    Raises: MalformedSubmission for invalid JSON, duplicate keys, or nesting that is too deep.
    """
    if bounds is not None:
        check_text(text, bounds)
    parsed = _parse_with_orjson(text)
    return _parse_with_json(text) if parsed is None else parsed[0]


def _parse_with_orjson(text: str | bytes) -> tuple[Any] | None:
    """Return the document; None if the text is invalid or may have a duplicate key.

    orjson drops duplicate keys silently. A colon after a quotation mark ends a key or is part of a string,
    so if there are as many of them as keys, no key was dropped.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    colons = _COLONS.findall(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return (document,) if len(colons) == _count_keys(document) else None


def _count_keys(document: Any) -> int:
    """Return the number of keys of all objects; lists that begin with a number are skipped."""
    if isinstance(document, dict):
        return len(document) + sum(map(_count_keys, document.values()))
    if isinstance(document, list) and document and not isinstance(document[0], float | int):
        return sum(map(_count_keys, document))
    return 0


def _parse_with_json(text: str | bytes) -> Any:
    """Parse JSON with the standard library. Raises: MalformedSubmission with the position of the error."""
    duplicates: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            seen: set[str] = set()
            duplicates.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return result

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
    except ValueError:  # Python limits the digits of an integer
        actual = "an integer of thousands of digits"
        raise UnreadableSubmission("JSON text", actual, "write numbers as floats") from None
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
    """Return the JSON text of a document whose numbers are all finite (see `number`)."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent)


def number(value: float) -> float | str:
    """Return the number, or a string for NaN and infinities, which JSON has no numbers for."""
    if isfinite(value):
        return value
    return _INFINITIES.get(value, "NaN")


def numbers(values: Any) -> Any:
    """Return nested lists with `number` applied to every item."""
    if isinstance(values, list):
        return [numbers(item) for item in values]
    return number(values)
