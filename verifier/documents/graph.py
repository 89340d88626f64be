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
from verifier.documents.tolerance import read_precision, read_reported_loss, read_tolerance
from verifier.problem.errors import (
    MOST,
    Mistakes,
    check_fields,
    describe,
    replace_surrogates,
    suggest_name,
)
from verifier.problem.graph import INPUT, NODE, GraphProblem, Node, node_name
from verifier.problem.submission import GraphSubmission

FIELDS = ("name", "network", "parameters", "inputs", "gradients", "precision", "reported_loss", "tolerance")
_LAYER_FIELDS = ("loss", "targets", "masks")
_NETWORK_FIELDS = ("inputs", "nodes", "output")


def read_graph(document: Mapping[str, Any]) -> GraphSubmission:
    """Return the submission of a graph. Raises: MalformedSubmission with all errors."""
    mistakes = Mistakes()
    document = dict(document)
    for field in _LAYER_FIELDS:
        if document.pop(field, None) is not None:
            remedy = "a graph has its loss among its nodes, and targets and masks among its inputs"
            mistakes.add((field,), "no such field beside a graph", "one", remedy)
    check_fields(document, FIELDS, (), mistakes)
    if "gradients" not in document:
        mistakes.add("/gradients", "the field 'gradients'", "nothing", "add it")
    name = _read_title(document.get("name"), mistakes)
    network = dict(document["network"])
    check_fields(network, _NETWORK_FIELDS, ("network",), mistakes)
    leaves = _read_leaves(document, network, mistakes)
    nodes, constants = _read_nodes(network, leaves, mistakes)
    output = _read_output(network, nodes, mistakes)
    gradients = _read_gradients(document, leaves, nodes, mistakes)
    precision, cautions = read_precision(document, gradients, mistakes)
    reported = read_reported_loss(document.get("reported_loss"), mistakes)
    tolerance = read_tolerance(document.get("tolerance"), ("tolerance",), mistakes)
    mistakes.raise_if_any()
    assert output is not None
    assert tolerance is not None
    problem = GraphProblem(
        inputs={name: array for name, array in leaves.inputs.items() if array is not None},
        parameters={name: array for name, array in leaves.parameters.items() if array is not None},
        constants=constants,
        nodes=tuple(nodes),
        output=output,
        asked=_gradient_names(nodes, leaves, gradients),
    )
    graded_under = {"graph": f"{len(nodes)} nodes", "output": output}
    return GraphSubmission(
        name, problem, gradients, precision, reported, tolerance, network, graded_under, tuple(cautions)
    )


def _read_title(name: Any, mistakes: Mistakes) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or name != replace_surrogates(name):
        mistakes.add("/name", "a string that UTF-8 can hold", describe(name))
        return None
    return name


def _read_leaves(document: dict[str, Any], network: dict[str, Any], mistakes: Mistakes) -> Leaves:
    inputs = read_arrays(document, "inputs", mistakes, read=read_any_array) or {}
    parameters = read_arrays(document, "parameters", mistakes, read=read_any_array) or {}
    for field, arrays in (("inputs", inputs), ("parameters", parameters)):
        for name in list(arrays):
            if read_name(name, (field, name), mistakes) is None:
                del arrays[name]
    for name in parameters:
        if name in inputs:
            mistakes.add(("parameters", name), "a name of its own", f"{name!r}, which an input has")
    declared = network.get("inputs", [])
    if not isinstance(declared, list | tuple) or not all(isinstance(name, str) for name in declared):
        mistakes.add("/network/inputs", "a list of names", describe(declared))
        return Leaves(inputs, parameters)
    for place, name in enumerate(declared):
        if name not in inputs:
            where = ("network", "inputs", place)
            mistakes.add(
                where, "a name that `inputs` has an array of", f"{name[:60]!r}", suggest_name(name, inputs)
            )
    known = set(declared)
    for name in inputs:
        if name not in known:
            mistakes.add(("inputs", name), "an input that network.inputs names", f"{str(name)[:60]!r}")
    return Leaves(inputs, parameters)


def _read_nodes(
    network: dict[str, Any], leaves: Leaves, mistakes: Mistakes
) -> tuple[list[Node], dict[str, Array]]:
    documents = network.get("nodes")
    if not isinstance(documents, list | tuple) or not documents:
        mistakes.add("/network/nodes", "a list of at least one node", describe(documents))
        return [], {}
    path = ("network", "nodes")
    written = parse_nodes(list(documents), path, leaves.names(), mistakes)
    known = [*leaves.names(), *_names_of(documents)]
    return infer_shapes(topologically_sorted(written, known, mistakes), leaves, mistakes)


def _names_of(documents: Sequence[Any]) -> list[str]:
    """Return the names of all nodes, malformed ones included, since references to these are valid."""
    names = [document.get("name") for document in documents if isinstance(document, dict)]
    return [name for name in names if isinstance(name, str)]


def _read_output(network: dict[str, Any], nodes: Sequence[Node], mistakes: Mistakes) -> str | None:
    output = network.get("output")
    names = _names_of(network["nodes"]) if isinstance(network.get("nodes"), list | tuple) else []
    if not isinstance(output, str) or output not in names:
        remedy = suggest_name(output, names) if isinstance(output, str) else ""
        mistakes.add("/network/output", "the name of a node", describe(output), remedy)
        return None
    node = next((node for node in nodes if node.name == output), None)
    if node is not None and prod(node.shape) != 1:
        actual = f"{output!r} of shape {node.shape}"
        mistakes.add("/network/output", "one number, which alone has a gradient", actual, "sum or average it")
        return None
    return output


def _read_gradients(
    document: dict[str, Any], leaves: Leaves, nodes: Sequence[Node], mistakes: Mistakes
) -> dict[str, Array]:
    arrays = read_arrays(document, "gradients", mistakes, finite=False, read=read_any_array) or {}
    data = {node.operands[place] for node in nodes for place in node.data}
    shapes = {name: array.shape for name, array in leaves.parameters.items() if array is not None}
    shapes |= {INPUT + name: array.shape for name, array in leaves.inputs.items() if array is not None}
    shapes |= {NODE + node.name: node.shape for node in nodes}
    known = list(dict.fromkeys([*leaves.parameters, *shapes]))
    has_errors = bool(mistakes.found)
    for name in [name for name in arrays if name not in shapes and name not in leaves.parameters][:MOST]:
        if not (has_errors and str(name).startswith((INPUT, NODE))):  # its node may be malformed
            rule = f"the name of a parameter, {INPUT}NAME or {NODE}NAME"
            mistakes.add(
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
            mistakes.add(("gradients", name), "what has a gradient", f"{node_name(name)[:60]!r}", remedy)
        elif tuple(array.shape) != tuple(shapes[name]):
            mistakes.add(("gradients", name), f"shape {tuple(shapes[name])}", str(tuple(array.shape)))
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
