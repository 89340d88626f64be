"""Judging one file: its report, or why there is none. Nothing that a file holds raises."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from verifier.claim import Claim, read_claim
from verifier.documents.bounds import GENEROUS, Bounds
from verifier.documents.files import parse_bytes
from verifier.documents.gradients_reading import parse_gradients, read_handed_in
from verifier.documents.mistakes import MalformedSubmission, encodable
from verifier.expected import Expectations
from verifier.pipeline import verify
from verifier.sourced import Sourced
from verifier.sources import STANDARD_INPUT, content_of
from verifier.tolerance import Tolerance

_EXPECTATIONS = Expectations()  # of this process: files of one class answer one problem


@dataclass(frozen=True, slots=True)
class Manner:
    """How to judge. tolerance: in place of the documents'. oracles, entries: as `verify` takes them.

    problem: the document of the one that the files answer; without it each file brings its own.
    bounds: how large a document may be.
    """

    tolerance: Tolerance | None = None
    oracles: Sequence[str] | None = None
    entries: str = "worst"
    problem: Mapping[str, Any] | None = None
    bounds: Bounds = GENEROUS


def judge(source: str, manner: Manner, content: bytes | None = None) -> Sourced:
    """Judge a file, `-` for standard input, or the content that stands for it.

    With GRADJURY_DEBUG set, what is unforeseen raises.
    """
    shown = encodable(source)
    try:
        submission = _read(content_of(source) if content is None else content, manner)
        if submission.name is None and source != STANDARD_INPUT:
            submission = replace(submission, name=Path(shown).name)
        if manner.tolerance is not None:
            submission = replace(submission, tolerance=manner.tolerance)
        report = verify(
            submission, oracles=manner.oracles, entries=manner.entries, expectations=_EXPECTATIONS
        )
        return Sourced(shown, report)
    except MalformedSubmission as error:
        return Sourced(shown, None, error.mistakes)
    except Exception as error:
        if os.environ.get("GRADJURY_DEBUG"):
            raise
        remedy = "set GRADJURY_DEBUG=1 to see where, and please report it"
        return Sourced(shown, None, broken=f"internal error, {type(error).__name__}: {error}; {remedy}")


def _read(content: bytes, manner: Manner) -> Claim:
    if manner.problem is None:
        return read_claim(parse_bytes(content, manner.bounds))
    return read_handed_in(manner.problem, parse_gradients(content, manner.bounds))
