"""A problem with numbers of its own for each student: same network, loss and rules, other numbers."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from hmac import digest
from typing import Any

from verifier.diagnosis.strong_problem import strong_numbers
from verifier.documents.reading import read_question
from verifier.documents.submission_document import document_of, with_lists


def instance_key(secret: bytes, assignment: str, student: str) -> bytes:
    """Give what an instance is drawn from: nobody without the secret can tell it, everybody with it can."""
    return digest(secret, f"{len(assignment)}:{assignment}:{student}".encode(), "sha256")


def instance_of(problem: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Draw a problem's numbers from a key; the same key and problem give the same numbers.

    The number of examples may change: see `strong_numbers`. Raises: MalformedSubmission.
    """
    asked = read_question(problem)
    seed = int.from_bytes(sha256(key).digest()[:8], "big")
    drawn = replace(asked, problem=strong_numbers(asked.problem, seed), gradients={}, reported_loss=None)
    document = with_lists(document_of(drawn))
    left_out = {"gradients"} | ({"precision"} if problem.get("precision") is None else set())
    return {field: value for field, value in document.items() if field not in left_out}
