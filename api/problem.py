"""The problem of an assignment, kept as JSON: to parse millions of numbers holds up all other requests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from verifier.documents.json import encode, parse


@dataclass(frozen=True, eq=False)
class StoredProblem(Mapping[str, Any]):
    """A problem that is parsed when somebody looks into it. Requests and workers need its text alone.

    shapes: of its parameters, by name. of_graph: True for a graph of operations.
    """

    json: bytes
    shapes: Mapping[str, tuple[int, ...]]
    of_graph: bool

    @classmethod
    def from_document(cls, problem: Mapping[str, Any]) -> "StoredProblem":
        """Return the problem of a document."""
        parameters = problem.get("parameters")
        if not isinstance(parameters, Mapping):  # a list in the order of the layers
            parameters = dict(enumerate(parameters or ()))
        shapes = {str(name): np.shape(value) for name, value in parameters.items()}
        return cls(encode(dict(problem)), shapes, "nodes" in problem["network"])

    def __getitem__(self, name: str) -> Any:
        return self._document[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)

    @cached_property
    def _document(self) -> Mapping[str, Any]:
        document: Mapping[str, Any] = parse(self.json)
        return document


def stored_problem(problem: Mapping[str, Any]) -> StoredProblem:
    """Return the problem of an assignment as it is stored."""
    return problem if isinstance(problem, StoredProblem) else StoredProblem.from_document(problem)
