"""Judge one file. The result is a report or an error; no content of a file raises an exception."""

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

_EXPECTATIONS = Expectations()  # one cache per process, since the files of a class answer the same problem


@dataclass(frozen=True, slots=True)
class Manner:
    """Options of checking a file.

    tolerance: replaces the tolerance of the document.
    oracles, entries: as in `verify`.
    problem: document of the problem that the files answer; None if each file contains its own problem.
    bounds: limits on the size of a document.
    """

    tolerance: Tolerance | None = None
    oracles: Sequence[str] | None = None
    entries: str = "worst"
    problem: Mapping[str, Any] | None = None
    bounds: Bounds = GENEROUS


def judge(source: str, manner: Manner, content: bytes | None = None) -> Sourced:
    """Return the result of checking a file; the source `-` is standard input.

    content: bytes to check instead of the content of the file.
    With GRADJURY_DEBUG set, unexpected errors are raised.
    """
    name = encodable(source)
    try:
        submission = _read(content_of(source) if content is None else content, manner)
        if submission.name is None and source != STANDARD_INPUT:
            submission = replace(submission, name=Path(name).name)
        if manner.tolerance is not None:
            submission = replace(submission, tolerance=manner.tolerance)
        report = verify(
            submission, oracles=manner.oracles, entries=manner.entries, expectations=_EXPECTATIONS
        )
        return Sourced(name, report)
    except MalformedSubmission as error:
        return Sourced(name, None, error.mistakes)
    except Exception as error:
        if os.environ.get("GRADJURY_DEBUG"):
            raise
        remedy = "set GRADJURY_DEBUG=1 to see where, and please report it"
        return Sourced(name, None, broken=f"internal error, {type(error).__name__}: {error}; {remedy}")


def _read(content: bytes, manner: Manner) -> Claim:
    if manner.problem is None:
        return read_claim(parse_bytes(content, manner.bounds))
    return read_handed_in(manner.problem, parse_gradients(content, manner.bounds))
