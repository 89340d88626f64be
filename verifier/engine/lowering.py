"""Lower a network of layers to a graph of affine maps, activations and losses.

Penalties are not part of the graph: their gradients are sums over single weights, which every method adds
to the gradients of the data's loss.
"""

from weakref import WeakKeyDictionary

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.engine.operations.layers import ACTIVATION, AFFINE, KINKED_RISK, RISK, SMOOTH_ACTIVATION
from verifier.problem.graph import GraphProblem, Node

INPUTS, OUTPUT = "inputs", "risk"


def preactivation(layer: int) -> str:
    """Return the name of the node a of a layer."""
    return f"a{layer}"


def activated(layer: int) -> str:
    """Return the name of the node z of a layer, its mask included."""
    return f"z{layer}"


_LOWERED: WeakKeyDictionary[Problem, GraphProblem] = WeakKeyDictionary()  # every method asks for it


def lowered(problem: Problem) -> GraphProblem:
    """Return the graph of the data's risk, with the gradients of all parameters asked.

    If the loss is a function of the last pre-activation, the last activation has no node; an identity without
    a mask has none either.
    """
    graph = _LOWERED.get(problem)
    if graph is None:
        graph = _LOWERED[problem] = _graph_of(problem)
    return graph


def _graph_of(problem: Problem) -> GraphProblem:
    parameters = dict(problem.arrays)
    terms, of_preactivation = problem.terms, problem.of_preactivation
    batch, last = problem.batch, len(problem.parameters) - 1
    nodes: list[Node] = []
    point, shape = INPUTS, batch.inputs.shape
    for index, layer in enumerate(problem.network.layers):
        nodes.append(_affine(index, point, shape, parameters, batch.inputs))
        point, shape = nodes[-1].name, nodes[-1].shape
        mask = batch.masks.get(index)
        is_identity = layer.activation.name == "identity" and mask is None
        if not is_identity and (index < last or not of_preactivation):
            options = {"function": layer.activation, "mask": mask}
            operation = ACTIVATION if layer.activation.kinks else SMOOTH_ACTIVATION
            nodes.append(Node(activated(index), operation, (point,), options, (shape,), shape, {}))
            point = nodes[-1].name
    scales = {"output_scale": problem.output_scale, "example_scale": problem.example_scale}
    operation = RISK if terms.kink_distance is None else KINKED_RISK
    nodes.append(
        Node(OUTPUT, operation, (point,), {"terms": terms, **scales}, (shape,), (), {1: batch.targets})
    )
    return GraphProblem({}, parameters, {INPUTS: batch.inputs}, tuple(nodes), OUTPUT, tuple(parameters))


def _affine(
    index: int, point: str, shape: tuple[int, ...], parameters: dict[str, Array], inputs: Array
) -> Node:
    names = [f"layers.{index}.weight", f"layers.{index}.bias"]
    names = [name for name in names if name in parameters]
    shapes = (shape, *(parameters[name].shape for name in names))
    data = {0: inputs} if index == 0 else {}
    output = (shape[0], parameters[names[0]].shape[1])
    return Node(preactivation(index), AFFINE, (point, *names), {}, shapes, output, data)
