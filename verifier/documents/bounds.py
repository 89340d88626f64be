"""Limit the size of documents; checks use bytes, headers and lengths, before numbers are read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from verifier.documents.mistakes import OversizedSubmission, UnreadableSubmission

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


GENEROUS = Bounds()


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
