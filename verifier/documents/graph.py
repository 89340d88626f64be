"""Read a whole document whose network is a graph."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from reference_impl.array import Array
from verifier.documents.arrays import read_any_array, read_arrays
from verifier.documents.graph_nodes import (
    Leaves,
    infer_shapes,
    parse_nodes,
    read_name,
    topologically_sorted,
)
from verifier.documents.names import NAMES, read_names
from verifier.documents.tolerance import read_precision, read_reported_loss, read_tolerance
from verifier.problem.errors import (
    MOST,
    ErrorCollector,
    check_fields,
    describe,
    replace_surrogates,
    suggest_name,
)
from verifier.problem.graph import INPUT, NODE, GraphProblem, Node, node_name
from verifier.problem.submission import GraphSubmission

FIELDS = (
    "name", "network", "parameters", "inputs", "gradients", "precision", "reported_loss", "tolerance", NAMES,
)  # fmt: skip
_LAYER_FIELDS = ("loss", "targets", "masks")
_NETWORK_FIELDS = ("inputs", "nodes", "output")


def read_graph(document: Mapping[str, Any]) -> GraphSubmission:
    """Return the submission of a graph. Raises: MalformedSubmission with all errors."""
    errors = ErrorCollector()
    document = dict(document)
    for field in _LAYER_FIELDS:
        if document.pop(field, None) is not None:
            remedy = "a graph has its loss among its nodes, and targets and masks among its inputs"
            errors.add((field,), "no such field beside a graph", "one", remedy)
    check_fields(document, FIELDS, (), errors)
    if "gradients" not in document:
        errors.add("/gradients", "the field 'gradients'", "nothing", "add it")
    name = _read_title(document.get("name"), errors)
    network = dict(document["network"])
    check_fields(network, _NETWORK_FIELDS, ("network",), errors)
    leaves = _read_leaves(document, network, errors)
    nodes, constants = _read_nodes(network, leaves, errors)
    output = _read_output(network, nodes, errors)
    document, submitted = _with_known_names(document, leaves, nodes, errors)
    gradients = _read_gradients(document, leaves, nodes, errors)
    precision, warnings = read_precision(document, gradients, errors)
    reported = read_reported_loss(document.get("reported_loss"), errors)
    tolerance = read_tolerance(document.get("tolerance"), ("tolerance",), errors)
    errors.rename({"gradients": submitted})
    errors.raise_if_any()
    assert output is not None
    assert tolerance is not None
    problem = GraphProblem(
        inputs={name: array for name, array in leaves.inputs.items() if array is not None},
        parameters={name: array for name, array in leaves.parameters.items() if array is not None},
        constants=constants,
        nodes=tuple(nodes),
        output=output,
        requested=_gradient_names(nodes, leaves, gradients),
    )
    graded_under = {"graph": f"{len(nodes)} nodes", "output": output}
    return GraphSubmission(
        name,
        problem,
        gradients,
        precision,
        reported,
        tolerance,
        network,
        graded_under,
        tuple(warnings),
        submitted,
    )


def _read_title(name: Any, errors: ErrorCollector) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or name != replace_surrogates(name):
        errors.add("/name", "a string that UTF-8 can hold", describe(name))
        return None
    return name


def _read_leaves(document: dict[str, Any], network: dict[str, Any], errors: ErrorCollector) -> Leaves:
    inputs = read_arrays(document, "inputs", errors, read=read_any_array) or {}
    parameters = read_arrays(document, "parameters", errors, read=read_any_array) or {}
    for field, arrays in (("inputs", inputs), ("parameters", parameters)):
        for name in list(arrays):
            if read_name(name, (field, name), errors) is None:
                del arrays[name]
    for name in parameters:
        if name in inputs:
            errors.add(("parameters", name), "a name of its own", f"{name!r}, which an input has")
    declared = network.get("inputs", [])
    if not isinstance(declared, list | tuple) or not all(isinstance(name, str) for name in declared):
        errors.add("/network/inputs", "a list of names", describe(declared))
        return Leaves(inputs, parameters)
    for place, name in enumerate(declared):
        if name not in inputs:
            where = ("network", "inputs", place)
            errors.add(
                where, "a name that `inputs` has an array of", f"{name[:60]!r}", suggest_name(name, inputs)
            )
    known = set(declared)
    for name in inputs:
        if name not in known:
            errors.add(("inputs", name), "an input that network.inputs names", f"{str(name)[:60]!r}")
    return Leaves(inputs, parameters)


def _read_nodes(
    network: dict[str, Any], leaves: Leaves, errors: ErrorCollector
) -> tuple[list[Node], dict[str, Array]]:
    documents = network.get("nodes")
    if not isinstance(documents, list | tuple) or not documents:
        errors.add("/network/nodes", "a list of at least one node", describe(documents))
        return [], {}
    path = ("network", "nodes")
    written = parse_nodes(list(documents), path, leaves.names(), errors)
    known = [*leaves.names(), *_names_of(documents)]
    return infer_shapes(topologically_sorted(written, known, errors), leaves, errors)


def _names_of(documents: Sequence[Any]) -> list[str]:
    """Return the names of all nodes, malformed ones included, since references to these are valid."""
    names = [document.get("name") for document in documents if isinstance(document, dict)]
    return [name for name in names if isinstance(name, str)]


def _read_output(network: dict[str, Any], nodes: Sequence[Node], errors: ErrorCollector) -> str | None:
    output = network.get("output")
    names = _names_of(network["nodes"]) if isinstance(network.get("nodes"), list | tuple) else []
    if not isinstance(output, str) or output not in names:
        remedy = suggest_name(output, names) if isinstance(output, str) else ""
        errors.add("/network/output", "the name of a node", describe(output), remedy)
        return None
    node = next((node for node in nodes if node.name == output), None)
    if node is not None and prod(node.shape) != 1:
        actual = f"{output!r} of shape {node.shape}"
        errors.add("/network/output", "one number, which alone has a gradient", actual, "sum or average it")
        return None
    return output


def _with_known_names(
    document: dict[str, Any], leaves: Leaves, nodes: Sequence[Node], errors: ErrorCollector
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the document with gradients by known names, and the submitted names by the known ones."""
    known = [*leaves.parameters, *(INPUT + name for name in leaves.inputs)]
    known += [NODE + node.name for node in nodes]
    names, arrays = read_names(document.get(NAMES), known, errors), document.get("gradients")
    if not names or not isinstance(arrays, Mapping):
        return document, {}
    renamed = {names.get(name, name): array for name, array in arrays.items()}
    if len(renamed) < len(arrays):
        errors.add("/gradients", "one array for each name", "several for the same")
    submitted = {names[name]: name for name in arrays if names.get(name, name) != name}
    return {**document, "gradients": renamed}, submitted


def _read_gradients(
    document: dict[str, Any], leaves: Leaves, nodes: Sequence[Node], errors: ErrorCollector
) -> dict[str, Array]:
    arrays = read_arrays(document, "gradients", errors, finite=False, read=read_any_array) or {}
    data = {node.operands[place] for node in nodes for place in node.data}
    shapes = {name: array.shape for name, array in leaves.parameters.items() if array is not None}
    shapes |= {INPUT + name: array.shape for name, array in leaves.inputs.items() if array is not None}
    shapes |= {NODE + node.name: node.shape for node in nodes}
    known = list(dict.fromkeys([*leaves.parameters, *shapes]))
    has_errors = bool(errors.records)
    for name in [name for name in arrays if name not in shapes and name not in leaves.parameters][:MOST]:
        if not (has_errors and str(name).startswith((INPUT, NODE))):  # its node may be malformed
            rule = f"the name of a parameter, {INPUT}NAME or {NODE}NAME"
            errors.add(
                ("gradients", name),
                rule,
                f"{str(name)[:60]!r}",
                suggest_name(name, known, taken=arrays),
            )
    for name, array in arrays.items():
        if array is None or name not in shapes:
            continue
        if name.startswith(INPUT) and node_name(name) in data:
            remedy = "leave it out: it is read as targets or indices"
            errors.add(("gradients", name), "what has a gradient", f"{node_name(name)[:60]!r}", remedy)
        elif tuple(array.shape) != tuple(shapes[name]):
            errors.add(("gradients", name), f"shape {tuple(shapes[name])}", str(tuple(array.shape)))
    return {name: array for name, array in arrays.items() if array is not None}


def _gradient_names(nodes: Sequence[Node], leaves: Leaves, gradients: Mapping[str, Array]) -> tuple[str, ...]:
    """Return the names of all gradients to check: all parameters, and other submitted gradients.

    Operands are before their users.
    """
    order: dict[str, None] = {}
    for node in nodes:
        for operand in node.operands:
            key = operand if operand in leaves.parameters else INPUT + operand
            if operand in leaves.parameters or operand in leaves.inputs:
                order[key] = None
        order[NODE + node.name] = None
    order |= dict.fromkeys([*leaves.parameters, *(INPUT + name for name in leaves.inputs)])
    return tuple(key for key in order if key in leaves.parameters or key in gradients)
