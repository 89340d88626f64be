"""Draw informative numbers for the inputs and parameters of a graph."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import gradients_of, values_of
from verifier.problem.graph import GraphProblem, Node, node_name

_ATTEMPTS = 12  # with each way of drawing
_MAX_VALUE = 1e4  # of a node
_MIN_MAGNITUDE = 0.05  # of a drawn number


def informative_graph_numbers(problem: GraphProblem, seed: int) -> GraphProblem:
    """Return the graph with random numbers; of several draws the one with the fewest zero gradients.

    Masks keep their two values; indices and classes remain valid. If no free draw is defined (as for the
    logarithm of a parameter), numbers keep their signs, or stay near their old values. The result depends on
    the seed only.
    """
    best, best_share = problem, -1.0
    for manner, draw in enumerate((_free, _of_same_sign, _near)):
        for attempt in range(_ATTEMPTS):
            drawn = _drawn(problem, draw, np.random.default_rng([seed, manner, attempt]))
            share = _informative_share(drawn)
            if share > best_share:
                best, best_share = drawn, share
            if share == 1.0:
                return best
        if best_share >= 0:
            break
    return best


Draw = Callable[[Array, np.random.Generator], Array]


def _drawn(problem: GraphProblem, draw: Draw, rng: np.random.Generator) -> GraphProblem:
    inputs = {name: _input(name, values, problem, draw, rng) for name, values in problem.inputs.items()}
    parameters = {name: draw(values, rng) for name, values in problem.parameters.items()}
    nodes = tuple(_with_data(node, inputs) if node.data else node for node in problem.nodes)
    return replace(problem, inputs=inputs, parameters=parameters, nodes=nodes)


def _with_data(node: Node, inputs: Mapping[str, Array]) -> Node:
    return replace(node, data={place: inputs[node.operands[place]] for place in node.data})


def _input(name: str, values: Array, problem: GraphProblem, draw: Draw, rng: np.random.Generator) -> Array:
    readers = [(node, place) for node in problem.nodes for place in node.data if node.operands[place] == name]
    if readers:
        return _data(values, readers, rng)
    distinct = np.unique(values)
    if len(distinct) == 2 and 0.0 in distinct and values.size > 2:  # a mask
        return np.asarray(rng.permutation(values.ravel()).reshape(values.shape))
    return draw(values, rng)


def _data(values: Array, readers: list[tuple[Node, int]], rng: np.random.Generator) -> Array:
    counts = {_choices(node, place) for node, place in readers}
    if None not in counts:
        count = min(choices for choices in counts if choices is not None)
        drawn = np.concatenate([rng.permutation(count) for _ in range(values.size // count + 1)])
        return np.asarray(drawn[: values.size].reshape(values.shape).astype(np.float64))
    return np.asarray(rng.permutation(values)) if values.ndim else values  # rows, in another order


def _choices(node: Node, place: int) -> int | None:
    """Return the number of valid indices or classes; None for one-hot rows."""
    if node.operation.name == "embedding":
        return node.operand_shapes[0][0]
    return None if node.operand_shapes[place] == node.operand_shapes[0] else node.operand_shapes[0][-1]


def _free(values: Array, rng: np.random.Generator) -> Array:
    scale = 1.2 / np.sqrt(values.shape[-2]) if values.ndim > 1 and values.shape[-2] > 1 else 0.8
    return _round(rng.normal(scale=scale, size=values.shape))


def _of_same_sign(values: Array, rng: np.random.Generator) -> Array:
    sizes = _round(rng.uniform(0.3, 1.7, size=values.shape))
    return np.asarray(np.where(values < 0, -sizes, sizes))


def _near(values: Array, rng: np.random.Generator) -> Array:
    return np.asarray(np.round(values * rng.uniform(0.75, 1.05, size=values.shape), 3))


def _round(values: Array) -> Array:
    """Return values rounded to hundredths, with a least magnitude."""
    rounded = np.round(values, 2)
    return np.asarray(
        np.where(
            np.abs(rounded) < _MIN_MAGNITUDE, np.where(values < 0, -_MIN_MAGNITUDE, _MIN_MAGNITUDE), rounded
        )
    )


def _informative_share(problem: GraphProblem) -> float:
    """Return the share of nonzero entries in the requested gradients; -1 if a gradient is undefined."""
    values = values_of(problem, FLOATS)
    if not all((np.abs(values[node.name]) <= _MAX_VALUE).all() for node in problem.nodes):
        return -1.0
    gradients = gradients_of(problem, values, FLOATS)
    requested = [gradients[node_name(key)] for key in problem.requested if node_name(key) in gradients]
    if not all(np.isfinite(gradient).all() for gradient in gradients.values()):
        return -1.0
    return (
        float(np.mean(np.concatenate([np.ravel(gradient) != 0 for gradient in requested])))
        if requested
        else 0.0
    )
