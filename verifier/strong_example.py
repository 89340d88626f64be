"""Draw a correct submission with informative numbers for a given shape."""

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
    """Return a document with new numbers for the network, loss and conventions, or the graph, of `like`.

    Raise MalformedSubmission with every mistake in `like`.
    """
    question = question_of(like)
    if not isinstance(question, Submission):
        from verifier.graphs.strong_example import strong_graph_document  # deferred import: not for layers

        return strong_graph_document(question)
    problem = strongest(question.problem)
    gradients = dict(named(backpropagate(problem)))
    name = None if question.name is None else f"{question.name}-strong"
    drawn = replace(question, name=name, problem=problem, gradients=gradients, reported_loss=None)
    return with_lists(document_of(drawn))
