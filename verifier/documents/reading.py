"""Read a document as a submission, in internal conventions; all errors are collected."""

from collections.abc import Mapping
from typing import Any

from reference_impl.network import Batch
from reference_impl.problem import Problem
from verifier.convention import Convention, internal_weight
from verifier.documents.batch_reading import read_inputs, read_masks
from verifier.documents.loss_reading import read_loss
from verifier.documents.mistakes import Mistakes, at, check_fields, encodable, shown
from verifier.documents.network_reading import read_network
from verifier.documents.parameters_reading import read_gradients, read_parameters
from verifier.documents.precision_reading import read_precision
from verifier.documents.reported_loss_reading import read_reported_loss
from verifier.documents.targets_reading import read_targets
from verifier.documents.tolerance_reading import read_tolerance
from verifier.submission import Submission

FIELDS = (
    "name", "network", "loss", "parameters", "inputs", "targets", "masks", "gradients",
    "precision", "reported_loss", "tolerance",
)  # fmt: skip
_REQUIRED = ("network", "loss", "parameters", "inputs", "targets", "gradients")


def read_submission(document: Any) -> Submission:
    """Return the submission of a network of layers. Raises: MalformedSubmission with all errors."""
    mistakes = Mistakes()
    if not isinstance(document, Mapping):
        mistakes.add("", "a submission, one JSON object", shown(document))
        mistakes.raise_if_any()
    document = dict(document)
    if is_graph(document):
        remedy = "graphs are judged and inspected; this asks for layers"
        mistakes.add("/network", "a network of layers", "a graph of nodes", remedy)
        mistakes.raise_if_any()
    check_fields(document, FIELDS, "", mistakes)
    for field in _REQUIRED:
        if field not in document:
            mistakes.add(at("", field), f"the field {field!r}", "nothing", "add it")

    name = document.get("name")
    if name is not None and not isinstance(name, str):
        mistakes.add("/name", "a string", shown(name))
    elif name is not None and name != encodable(name):
        mistakes.add("/name", "a string that UTF-8 can hold", shown(name), "remove lone surrogates")
    network, weights, examples = None, "in_out", "rows"
    if "network" in document:
        network, weights, examples = read_network(document["network"], "/network", mistakes)
    loss = read_loss(document["loss"], "/loss", mistakes) if "loss" in document else None
    convention = Convention(weights, examples)
    parameters, shapes = read_parameters(document, network, convention, mistakes)
    bias_shapes = {key: shape for key, shape in shapes.items() if key.endswith(".bias")}
    convention = Convention(weights, examples, bias_shapes)
    inputs = read_inputs(document, network, convention, mistakes)
    size = None if inputs is None else inputs.shape[0]
    targets = None
    if "targets" in document and loss is not None:
        targets = read_targets(document["targets"], loss[0].loss, network, size, convention, mistakes)
    masks = read_masks(document.get("masks"), network, size, convention, mistakes)
    gradients = read_gradients(document, network, convention, shapes, mistakes)
    precision, cautions = read_precision(document, gradients, mistakes)
    reported = read_reported_loss(document.get("reported_loss"), mistakes)
    tolerance = read_tolerance(document.get("tolerance"), "/tolerance", mistakes)

    mistakes.raise_if_any()
    assert network is not None
    assert loss is not None
    assert parameters is not None
    assert tolerance is not None
    assert inputs is not None
    assert targets is not None
    problem = Problem(network, parameters, Batch(inputs, targets, masks), loss[0])
    internal = {
        key: internal_weight(array, convention) if key.endswith(".weight") else array.ravel()
        for key, array in gradients.items()
    }
    return Submission(
        name, problem, internal, precision, reported, tolerance, convention, loss[1], tuple(cautions)
    )


def is_graph(document: Any) -> bool:
    """True if the document's network is a graph of nodes."""
    network = document.get("network") if isinstance(document, Mapping) else None
    return isinstance(network, Mapping) and "nodes" in network


def read_question(document: Any) -> Submission:
    """Return a submission whose gradients may be absent. Raises: MalformedSubmission with all errors."""
    return read_submission({"gradients": {}, **document} if isinstance(document, Mapping) else document)
