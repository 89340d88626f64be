"""A submission with numbers that hide no bug, drawn for a given shape; its gradients are right."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reference_impl.backpropagation import backpropagate
from reference_impl.network import named
from verifier.claim import question_of
from verifier.diagnosis.strongest import strongest
from verifier.documents.submission_document import document_of, with_lists
from verifier.submission import Submission


def strong_document(like: Mapping[str, Any]) -> dict[str, Any]:
    """Give a document of the same network, loss and conventions, or of the same graph, numbers drawn anew.

    Raises: MalformedSubmission listing every mistake of `like`.
    """
    asked = question_of(like)
    if not isinstance(asked, Submission):
        from verifier.graphs.strong_example import strong_graph_document  # which layers need not

        return strong_graph_document(asked)
    problem = strongest(asked.problem)
    gradients = dict(named(backpropagate(problem)))
    name = None if asked.name is None else f"{asked.name}-strong"
    drawn = replace(asked, name=name, problem=problem, gradients=gradients, reported_loss=None)
    return with_lists(document_of(drawn))
