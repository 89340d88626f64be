"""Read submissions of both kinds: networks of layers, and graphs."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from reference_impl.array import Array
from reference_impl.network import named
from verifier.documents.reading import is_graph, read_submission
from verifier.graphs.submission import GraphSubmission
from verifier.submission import Submission

Claim: TypeAlias = Submission | GraphSubmission


def read_claim(document: Any) -> Claim:
    """Return the submission in a document. Raises: MalformedSubmission with all errors."""
    if not is_graph(document):
        return read_submission(document)
    from verifier.graphs.reading.submission import read_graph  # deferred: layers need no operations of graphs

    return read_graph(document)


def question_of(document: Any) -> Claim:
    """Return a submission whose gradients may be absent. Raises: MalformedSubmission with all errors."""
    return read_claim({"gradients": {}, **document} if isinstance(document, Mapping) else document)


def names_of(claim: Claim) -> list[str]:
    """Return the names of all parameters."""
    return [name for name, _ in _parameters(claim)]


def sizes_of(claim: Claim) -> list[int]:
    """Return the size of each parameter."""
    return [values.size for _, values in _parameters(claim)]


def _parameters(claim: Claim) -> Iterable[tuple[str, Array]]:
    if isinstance(claim, GraphSubmission):
        return claim.problem.parameters.items()
    return named(claim.problem.parameters)
