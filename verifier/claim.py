"""A submitted gradient is a claim about a problem, whichever way that is written: layers, or a graph."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from reference_impl.array import Array
from reference_impl.network import named
from verifier.documents.reading import is_graph, read_submission
from verifier.graphs.submission import GraphSubmission
from verifier.submission import Submission

Claim: TypeAlias = Submission | GraphSubmission


def read_claim(document: Any) -> Claim:
    """Read a submission of either kind. Raises: MalformedSubmission with everything that is wrong."""
    if not is_graph(document):
        return read_submission(document)
    from verifier.graphs.reading.submission import read_graph  # with every operation; layers need none

    return read_graph(document)


def question_of(document: Any) -> Claim:
    """Read a submission whose gradients may be absent. Raises: MalformedSubmission as `read_claim`."""
    return read_claim({"gradients": {}, **document} if isinstance(document, Mapping) else document)


def names_of(claim: Claim) -> list[str]:
    """Give the names of all parameters, whose gradients are asked for."""
    return [name for name, _ in _parameters(claim)]


def sizes_of(claim: Claim) -> list[int]:
    """Give how many numbers each parameter has."""
    return [values.size for _, values in _parameters(claim)]


def _parameters(claim: Claim) -> Iterable[tuple[str, Array]]:
    if isinstance(claim, GraphSubmission):
        return claim.problem.parameters.items()
    return named(claim.problem.parameters)
