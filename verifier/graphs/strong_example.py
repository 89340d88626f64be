"""Replace the numbers of a graph by numbers that reveal every wrong local rule."""

from typing import Any

from verifier.documents.submission_document import with_lists
from verifier.graphs.diagnosis.strongest_graph import strongest_graph
from verifier.graphs.examples import right_gradients
from verifier.graphs.submission import GraphSubmission


def strong_graph_document(submission: GraphSubmission) -> dict[str, Any]:
    """Return a document of the same graph with new numbers and correct gradients.

    It has the gradients that the submission has; all gradients if the submission has none.
    """
    problem = strongest_graph(submission.problem)
    document: dict[str, Any] = {} if submission.name is None else {"name": f"{submission.name}-strong"}
    document |= {
        "network": dict(submission.network),
        "inputs": dict(problem.inputs),
        "parameters": dict(problem.parameters),
    }
    gradients = right_gradients(document)
    keys = problem.asked if submission.gradients else gradients
    document["gradients"] = {key: gradients[key] for key in keys}
    document |= {
        "precision": submission.precision.name,
        "tolerance": {"rtol": submission.tolerance.rtol, "atol": submission.tolerance.atol},
    }
    if submission.tolerance.preset is not None:
        document["tolerance"] = {"preset": submission.tolerance.preset}
    return with_lists(document)
