"""Read a document as a submission, in internal conventions; all errors are collected."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import Loss, Risk
from reference_impl.network import Batch, Network
from reference_impl.problem import Problem
from verifier.documents.arrays import read_array, read_arrays
from verifier.documents.graph import read_graph
from verifier.documents.layer_kinds import has_layer_kinds, read_layer_kinds
from verifier.documents.lowering import graph_document
from verifier.documents.names import NAMES, with_known_names
from verifier.documents.network import read_gradients, read_network, read_parameters
from verifier.documents.tolerance import read_precision, read_reported_loss, read_tolerance
from verifier.problem.errors import (
    SHOWN,
    ErrorCollector,
    ReportWarning,
    check_fields,
    describe,
    malformed,
    replace_surrogates,
    suggest_name,
)
from verifier.problem.graph import NODE, names_upstream
from verifier.problem.loss import LABEL_FIELDS, read_loss, weigh_classes
from verifier.problem.other_words import DOCUMENT_FIELDS
from verifier.problem.submission import (
    TOLERANCES,
    Convention,
    GraphSubmission,
    Submission,
    examples_to_internal,
)


def read_targets(
    value: Any,
    loss: Loss,
    network: Network | None,
    size: int | None,
    convention: Convention,
    errors: ErrorCollector,
    ignored: int | None = None,
) -> Array | None:
    """Return targets of shape (N, outputs); None if they are malformed.

    size: the number of examples, None if the inputs are malformed.
    ignored: a class index whose examples have rows of zeros.
    """
    array = read_array(value, ("targets",), errors)
    if array is None:
        return None
    outputs = None if network is None else network.layers[-1].outputs
    if array.ndim == 1 and not loss.class_targets and outputs == 1:
        array = array[:, None] if convention.examples == "rows" else array[None, :]
    if loss.class_targets and outputs != 1 and array.ndim == 2 and sorted(array.shape) == [1, size]:
        array = array.ravel()  # class indices as one column or row, as MATLAB has them
    if array.ndim == 1:
        return _read_classes(array, loss, outputs, size, errors, ignored)
    order = "(outputs, N)" if convention.examples == "columns" else "(N, outputs)"
    if array.ndim != 2:
        errors.add("/targets", f"rows of shape {order}", f"shape {tuple(array.shape)}")
        return None
    rows = examples_to_internal(array, convention)
    if outputs is None or size is None:
        return None
    if rows.shape != (size, outputs):
        expected = (size, outputs) if convention.examples == "rows" else (outputs, size)
        remedy = f"the last layer has {outputs} outputs" if rows.shape[0] == size else ""
        remedy = remedy or f"inputs have {size} examples"
        errors.add("/targets", f"shape {expected}, {order}", f"shape {tuple(array.shape)}", remedy)
        return None
    return rows if _fit_loss(rows, loss, errors) else None


def _fit_loss(rows: Array, loss: Loss, errors: ErrorCollector) -> bool:
    """True if target rows are possible for the loss."""
    if loss.name == "hinge":
        one_hot = ((rows == 0) | (rows == 1)).all(axis=-1) & (rows.sum(axis=-1) == 1)
        if not one_hot.all():
            example = int(np.argmin(one_hot))
            rule = "rows with a 1 for the right class and 0 elsewhere, or class indices"
            errors.add("/targets", rule, f"{describe(rows[example].tolist())} in example {example}")
            return False
    if loss.name == "kl_divergence" and (rows < 0).any():
        example, output = map(int, np.argwhere(rows < 0)[0])
        actual = f"{rows[example, output]:g} in example {example}, output {output}"
        errors.add("/targets", "probabilities, which are at least 0", actual)
        return False
    return True


def _read_classes(
    array: Array,
    loss: Loss,
    outputs: int | None,
    size: int | None,
    errors: ErrorCollector,
    ignored: int | None,
) -> Array | None:
    if not loss.class_targets:
        errors.add(
            "/targets",
            f"rows of targets, one number an output ({loss.name} takes no class indices)",
            f"a flat list of {array.size}",
            "write one list per example; class indices go with cross_entropy",
        )
        return None
    if size is not None and array.size != size:
        remedy = f"inputs have {size} examples"
        errors.add("/targets", f"{size} class indices, one an example", f"{array.size}", remedy)
        return None
    if outputs is None or size is None:
        return None
    counted = np.ones(array.shape, dtype=bool) if ignored is None else array != ignored
    wrong = np.flatnonzero(counted & ((array != np.rint(array)) | (array < 0) | (array >= outputs)))
    for index in wrong[:SHOWN]:
        remedy = "class indices start at 0" if array[index] == outputs else ""
        errors.add(
            ("targets", int(index)),
            f"a class index from 0 to {outputs - 1}" + ("" if ignored is None else f", or {ignored}"),
            describe(float(array[index])),
            remedy,
        )
    if wrong.size > SHOWN:
        errors.add("/targets", "class indices everywhere", f"{wrong.size - SHOWN} more that are none")
    if wrong.size:
        return None
    if not counted.any():
        remedy = "with every example ignored any code passes"
        errors.add("/targets", f"at least one class other than {ignored}", "none", remedy)
        return None
    rows = np.zeros((size, outputs))
    rows[np.flatnonzero(counted), array[counted].astype(np.intp)] = 1.0
    return rows


def read_inputs(
    document: dict[str, Any], network: Network | None, convention: Convention, errors: ErrorCollector
) -> Array | None:
    """Return the inputs of shape (N, features); None if they are absent or malformed."""
    array = read_array(document["inputs"], ("inputs",), errors) if "inputs" in document else None
    if array is None:
        return None
    if array.size == 0:
        errors.add(
            "/inputs", "at least one example", f"shape {tuple(array.shape)}", "give the batch examples"
        )
        return None
    order = "(features, N)" if convention.examples == "columns" else "(N, features)"
    if array.ndim != 2:
        remedy = "write one list per example, also for a single one"
        errors.add("/inputs", f"a matrix of shape {order}", f"shape {tuple(array.shape)}", remedy)
        return None
    rows = examples_to_internal(array, convention)
    if network is not None and rows.shape[1] != network.layers[0].inputs:
        features = network.layers[0].inputs
        other = "rows" if convention.examples == "columns" else "columns"
        transposed = rows.shape[0] == features
        remedy = f"for examples as {other} set network.examples to {other}" if transposed else ""
        errors.add("/inputs", f"{features} features, shape {order}", f"shape {tuple(array.shape)}", remedy)
        return None
    return rows


def read_masks(
    document: Any, network: Network | None, size: int | None, convention: Convention, errors: ErrorCollector
) -> dict[int, Array]:
    """Return the dropout masks of shape (N, units) by the index of their layer.

    size: the number of examples, None if the inputs are malformed.
    """
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        errors.add("/masks", 'an object of arrays, such as {"layers.0": [[…]]}', describe(document))
        return {}
    masks: dict[int, Array] = {}
    for name, value in document.items():
        path = ("masks", name)
        mask = read_array(value, path, errors)
        if network is None:
            continue
        known = {f"layers.{index}": index for index in range(len(network.layers))}
        if name not in known:
            remedy = suggest_name(name, known, taken=document)
            errors.add(path, "the name of a layer", f"{str(name)[:60]!r}", remedy)
        elif mask is not None and size is not None:
            shape = (size, network.layers[known[name]].outputs)
            shape = shape[::-1] if convention.examples == "columns" else shape
            if mask.size and not mask.any():
                remedy = "zeros alone drop every unit, so that any code passes"
                errors.add(path, "a mask that keeps at least one unit", "zeros alone", remedy)
            elif tuple(mask.shape) == shape:
                masks[known[name]] = examples_to_internal(mask, convention)
            else:
                errors.add(path, f"shape {shape}", str(tuple(mask.shape)))
    return masks


FIELDS = (
    "name", "network", "loss", "parameters", "inputs", "targets", "masks", "gradients",
    "precision", "reported_loss", "tolerance", NAMES,
)  # fmt: skip
_REQUIRED = ("network", "loss", "parameters", "inputs", "targets", "gradients")


def read_submission(document: Any) -> Submission:
    """Return the submission of a network of layers. Raises: MalformedSubmission with all errors."""
    if is_graph(document):
        remedy = "graphs are judged and inspected; this asks for layers"
        raise malformed("/network", "a network of layers", "a graph of nodes", remedy)
    if has_layer_kinds(document):
        remedy = "such layers are judged as a graph; this asks for fully connected ones"
        raise malformed("/network/layers", "fully connected layers", "layers of other kinds", remedy)
    return _read_dense(document)


def _read_dense(document: Any) -> Submission:
    """Return the submission of a document that is neither a graph nor has layers of other kinds."""
    if not isinstance(document, Mapping):
        raise malformed("", "a submission, one JSON object", describe(document))
    if "problem" in document and "network" not in document:
        remedy = "judge files of gradients against it: gradjury check FILES --assignment FILE"
        raise malformed("", "a submission", "an assignment", remedy)
    document, errors = dict(document), ErrorCollector()
    if document.keys() - FIELDS:
        check_fields(document, FIELDS, (), errors, DOCUMENT_FIELDS)
    for field in _REQUIRED:
        if field not in document:
            errors.add((field,), f"the field {field!r}", "nothing", "add it")

    name = document.get("name")
    if name is not None and not isinstance(name, str):
        errors.add("/name", "a string", describe(name))
    elif name is not None and not name.isascii() and name != replace_surrogates(name):
        errors.add("/name", "a string that UTF-8 can hold", describe(name), "remove lone surrogates")
    network, convention, expected = None, Convention(), dict[str, tuple[int, ...]]()
    if "network" in document:
        network, convention, expected = read_network(document["network"], ("network",), errors)
    submitted: dict[str, dict[str, str]] = {}
    if network is not None:
        document, submitted = with_known_names(document, expected, errors)
    loss = read_loss(document["loss"], ("loss",), errors) if "loss" in document else None
    parameters, shapes = read_parameters(document, expected, convention, errors)
    bias_shapes = {key: shape for key, shape in shapes.items() if key.endswith(".bias")}
    convention = replace(convention, bias_shapes=bias_shapes)
    inputs = read_inputs(document, network, convention, errors)
    size = None if inputs is None else inputs.shape[0]
    targets = None
    if "targets" in document and loss is not None:
        ignored = loss[1].get("ignore_index")
        targets = read_targets(document["targets"], loss[0].loss, network, size, convention, errors, ignored)
        if targets is not None:
            loss, targets = _with_labels(loss, document["targets"], targets, errors)
    masks = read_masks(document.get("masks"), network, size, convention, errors)
    gradients = read_gradients(document, expected, convention, shapes, errors)
    precision, warnings = read_precision(document, gradients, errors)
    warnings = [*warnings, *_of_integers(document.get("gradients"))]
    reported, tolerance = None, TOLERANCES["standard"]
    if document.get("reported_loss") is not None:
        reported = read_reported_loss(document["reported_loss"], errors)
    if document.get("tolerance") is not None:
        tolerance = read_tolerance(document["tolerance"], ("tolerance",), errors) or tolerance

    if errors.records:
        errors.rename(submitted)
        errors.raise_if_any()
    assert network is not None
    assert loss is not None
    assert parameters is not None
    assert inputs is not None
    assert targets is not None
    problem = Problem(network, parameters, Batch(inputs, targets, masks), loss[0])
    return Submission(
        name,
        problem,
        gradients,
        precision,
        reported,
        tolerance,
        convention,
        loss[1],
        tuple(warnings),
        submitted.get("parameters", {}) | submitted.get("gradients", {}),
    )


def _with_labels(
    loss: tuple[Risk, dict[str, Any]], document: Any, rows: Array, errors: ErrorCollector
) -> tuple[tuple[Risk, dict[str, Any]], Array]:
    """Return the loss and the targets with class weights, smoothed labels and ignored examples."""
    risk, fields = loss
    if not any(field in fields for field in LABEL_FIELDS):
        return loss, rows
    written = read_array(document, ("targets",), ErrorCollector())
    assert written is not None
    weights = fields.get("class_weights")
    if weights is not None and len(weights) != rows.shape[1]:
        rule = f"{rows.shape[1]} numbers, one for each output"
        errors.add("/loss/class_weights", rule, f"{len(weights)}")
        return loss, rows
    of_classes = written.ndim == 1
    counted = np.ones(len(rows), dtype=bool)
    if "ignore_index" in fields:
        if not of_classes:
            rule = "class indices, a list of numbers, beside ignore_index"
            errors.add("/targets", rule, "rows", "leave ignore_index out, or write class indices")
            return loss, rows
        counted = written != fields["ignore_index"]
    risk, rows = weigh_classes(risk, fields, rows, counted, of_classes)
    return (risk, fields), rows


def _of_integers(gradients: Any) -> Iterator[ReportWarning]:
    """Yield a warning if all gradients are arrays of an integer type."""
    arrays = list(gradients.values()) if isinstance(gradients, Mapping) else []
    kinds = {getattr(getattr(array, "dtype", None), "kind", None) for array in arrays}
    if kinds and kinds <= {"i", "u"}:
        yield ReportWarning(
            "integer-gradients",
            "all gradients are arrays of integers: if they were computed in such arrays, fractions were cut "
            "off; make the arrays with dtype=float",
        )


def is_graph(document: Any) -> bool:
    """True if the document's network is a graph of nodes."""
    network = document.get("network") if isinstance(document, Mapping) else None
    return isinstance(network, Mapping) and "nodes" in network


def read_question(document: Any) -> Submission:
    """Return a submission whose gradients may be absent. Raises: MalformedSubmission with all errors."""
    return read_submission({"gradients": {}, **document} if isinstance(document, Mapping) else document)


AnySubmission: TypeAlias = Submission | GraphSubmission


def read_any_submission(document: Any) -> AnySubmission:
    """Return the submission in a document. Raises: MalformedSubmission with all errors.

    Layers with gradients of inner values, such as `nodes.a0`, become the graph of these layers.
    """
    if is_graph(document):
        return read_graph(document)
    if has_layer_kinds(document):
        return read_layer_kinds(document, read_submission)
    gradients = document.get("gradients") if isinstance(document, Mapping) else None
    if isinstance(gradients, Mapping) and any(map(_is_node, gradients)):
        return _read_with_nodes(document, gradients)
    return _read_dense(document)


def _is_node(name: object) -> bool:
    return isinstance(name, str) and name.startswith(NODE)


def _read_with_nodes(document: Mapping[str, Any], gradients: Mapping[str, Any]) -> GraphSubmission:
    """Return the graph of a document of layers, with the gradients of its parameters and nodes."""
    of_nodes = {name: array for name, array in gradients.items() if _is_node(name)}
    of_parameters = {name: array for name, array in gradients.items() if not _is_node(name)}
    layered = read_submission({**document, "gradients": of_parameters})
    errors, convention = ErrorCollector(), layered.convention
    if convention.weights != "in_out":
        remedy = "transpose the weights and their gradients, and leave network.weights out"
        errors.add("/network/weights", "'in_out' beside gradients of nodes", repr(convention.weights), remedy)
    graph = graph_document(layered)
    operands = {node["name"]: node["args"] for node in graph["network"]["nodes"]}
    needed = names_upstream(graph["network"]["output"], operands)
    known = [NODE + name for name in operands if name in needed]
    for name in of_nodes:
        if name not in known:
            rule = f"a value that the loss depends on, among {', '.join(known)}"
            errors.add(("gradients", name), rule, f"{name[:60]!r}", suggest_name(name, known))
    arrays = read_arrays({"gradients": of_nodes}, "gradients", errors, finite=False) or {}
    errors.raise_if_any()
    inner = {
        name: examples_to_internal(array, convention) for name, array in arrays.items() if array is not None
    }
    submission = read_graph({**graph, "gradients": {**graph["gradients"], **inner}})
    return replace(submission, graded_under=layered.graded_under, warnings=layered.warnings)


def question_of(document: Any) -> AnySubmission:
    """Return a submission whose gradients may be absent. Raises: MalformedSubmission with all errors."""
    return read_any_submission({"gradients": {}, **document} if isinstance(document, Mapping) else document)


def names_of(claim: AnySubmission) -> list[str]:
    """Return the names of all parameters."""
    return [name for name, _ in _parameters(claim)]


def sizes_of(claim: AnySubmission) -> list[int]:
    """Return the size of each parameter."""
    return [values.size for _, values in _parameters(claim)]


def _parameters(claim: AnySubmission) -> Iterable[tuple[str, Array]]:
    if isinstance(claim, GraphSubmission):
        return claim.problem.parameters.items()
    return claim.problem.arrays.items()
