"""Parse and write JSON; duplicate keys are errors, and non-finite numbers are written as strings."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from verifier.problem.errors import (
    DocumentError,
    MalformedSubmission,
    OversizedSubmission,
    UnreadableSubmission,
)

_GROUPS = ("parameters", "gradients", "masks", "inputs")
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # possessive: linear in any text
_BRACKETS = b"[]{}"
_NOT_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_STEP = 1 << 20  # brackets checked at once
_REMEDY = "send a smaller network or batch"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Largest sizes of a document.

    inflated: bytes of an npz's members after decompression. depth: levels of nesting in JSON.
    """

    inflated: int = 1 << 30
    arrays: int = 10_000
    numbers: int = 1 << 27
    layers: int = 5_000
    nodes: int = 50_000
    depth: int = 64


DEFAULT_BOUNDS = Bounds()


def check_text(text: str | bytes, bounds: Bounds) -> None:
    """Check a JSON text against the bounds without parsing it.

    Raises: OversizedSubmission for too many numbers, UnreadableSubmission for too deep nesting.
    """
    bare = _STRINGS.sub(b"", _to_utf8(text))
    check_numbers(bare.count(b",") + 1, bounds)
    level = 0
    brackets = bare.translate(None, _NOT_BRACKETS)
    for start in range(0, len(brackets), _STEP):
        codes = np.frombuffer(brackets, np.uint8, min(_STEP, len(brackets) - start), start)
        levels = level + np.cumsum(np.where((codes == ord("[")) | (codes == ord("{")), 1, -1))
        if (deepest := int(levels.max())) > bounds.depth:
            rule = f"lists and objects nested at most {bounds.depth} deep"
            raise UnreadableSubmission(rule, f"nesting {deepest} deep", "a matrix is a list of lists")
        level = int(levels[-1])


def check_numbers(count: int, bounds: Bounds) -> None:
    """Check the count of numbers. Raises: OversizedSubmission."""
    if count > bounds.numbers:
        raise OversizedSubmission(f"at most {bounds.numbers} numbers", _describe_count(count), _REMEDY)


def check_arrays(count: int, bounds: Bounds) -> None:
    """Check the count of arrays. Raises: OversizedSubmission."""
    if count > bounds.arrays:
        raise OversizedSubmission(f"at most {bounds.arrays} arrays", str(count), _REMEDY)


def check_document(document: Any, bounds: Bounds) -> None:
    """Check a parsed document, valid or not, against the bounds. Raises: OversizedSubmission."""
    if not isinstance(document, Mapping):
        return
    groups = [document.get(group) for group in _GROUPS]
    check_arrays(sum(len(group) for group in groups if isinstance(group, Mapping)), bounds)
    network = document.get("network")
    for field, most in (("layers", bounds.layers), ("nodes", bounds.nodes)):
        items = network.get(field) if isinstance(network, Mapping) else None
        if isinstance(items, list) and len(items) > most:
            raise OversizedSubmission(
                f"at most {most} {field}", str(len(items)), _REMEDY, f"/network/{field}"
            )


def _describe_count(count: int) -> str:
    return str(count) if count < 10**15 else "more than memory could hold"


def _to_utf8(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        encoding = json.detect_encoding(text)
        if encoding in ("utf-8", "utf-8-sig"):
            return text
        text = text.decode(encoding, "replace")
    return text.encode("utf-8", "replace")


_COLONS = re.compile(rb'"[ \t\n\r]*:')


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
    keys, values = 0, [document]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            keys += len(value)
            values.extend(value.values())
        elif isinstance(value, list) and value and not isinstance(value[0], float | int):
            values.extend(value)
    return keys


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
            f"invalid JSON at {where} ({error.msg})",
            "check it with any JSON tool",
        ) from None
    except UnicodeDecodeError as error:
        raise UnreadableSubmission(
            "JSON text", f"bytes that are not UTF-8 at position {error.start}", "save it as UTF-8"
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
            DocumentError(
                "",
                "every key once in its object",
                f"the key {key[:60]!r} more than once",
                "remove all but one",
            )
            for key in dict.fromkeys(duplicates)
        )
    return document


def to_json(document: Any, *, indent: int | None = None) -> str:
    """Return the JSON text of a document whose numbers are all finite (see `number`)."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent)


def encode(document: Any) -> bytes:
    """Return the JSON of a document whose numbers are all finite, ten times as fast as `to_json`.

    json holds Python's lock while it writes, and so all other requests of a service.
    """
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:  # for integers of more than 64 bits
        return to_json(document).encode()
