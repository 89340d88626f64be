"""Generate a problem with different numbers for each student; network, loss and rules are the same."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from hmac import digest
from typing import Any

from verifier.diagnosis.random_problem import informative_parameters
from verifier.documents.reading import read_question
from verifier.documents.writing import arrays_to_lists, submission_to_document


def instance_key(secret: bytes, assignment: str, student: str) -> bytes:
    """Return the key of a student's instance, an HMAC that requires the secret."""
    return digest(secret, f"{len(assignment)}:{assignment}:{student}".encode(), "sha256")


def generate_instance(problem: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Return the problem with random numbers, which depend on the key and the problem only.

    The number of examples may change: see `strong_numbers`. Raises: MalformedSubmission.
    """
    question = read_question(problem)
    seed = int.from_bytes(sha256(key).digest()[:8], "big")
    instance = replace(
        question, problem=informative_parameters(question.problem, seed), gradients={}, reported_loss=None
    )
    document = arrays_to_lists(submission_to_document(instance))
    omitted = {"gradients"} | ({"precision"} if problem.get("precision") is None else set())
    return {field: value for field, value in document.items() if field not in omitted}
