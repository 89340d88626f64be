"""A graph's submission with numbers that hide no wrong rule; its gradients are right."""

from typing import Any

from verifier.documents.submission_document import with_lists
from verifier.graphs.diagnosis.strongest_graph import strongest_graph
from verifier.graphs.examples import right_gradients
from verifier.graphs.submission import GraphSubmission


def strong_graph_document(asked: GraphSubmission) -> dict[str, Any]:
    """Give the document of the same graph; of as many gradients, or of all where none was handed in."""
    problem = strongest_graph(asked.problem)
    document: dict[str, Any] = {} if asked.name is None else {"name": f"{asked.name}-strong"}
    document |= {
        "network": dict(asked.network),
        "inputs": dict(problem.inputs),
        "parameters": dict(problem.parameters),
    }
    everything = right_gradients(document)
    keys = problem.asked if asked.gradients else everything
    document["gradients"] = {key: everything[key] for key in keys}
    document |= {
        "precision": asked.precision.name,
        "tolerance": {"rtol": asked.tolerance.rtol, "atol": asked.tolerance.atol},
    }
    if asked.tolerance.preset is not None:
        document["tolerance"] = {"preset": asked.tolerance.preset}
    return with_lists(document)
