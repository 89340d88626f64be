"""Numbers that hide nothing: the leaves of a graph drawn anew."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.operation import Node
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reverse import gradients_of
from verifier.graphs.values import values_of

_TRIES = 12  # of each manner
_LARGEST = 1e4  # of a value
_LEAST = 0.05  # of what is drawn


def strong_numbers_of_graph(problem: GraphProblem, seed: int) -> GraphProblem:
    """Draw every input and parameter anew; of several draws take the one with the fewest zero gradients.

    Masks keep their two values, indices and classes stay such. Where no free draw is defined (a logarithm of
    a parameter), numbers keep their signs, or stay near what they were. The same seed gives the same numbers.
    """
    best, most = problem, -1.0
    for manner, draw in enumerate((_free, _of_same_sign, _near)):
        for attempt in range(_TRIES):
            drawn = _drawn(problem, draw, np.random.default_rng([seed, manner, attempt]))
            share = _share_alive(drawn)
            if share > most:
                best, most = drawn, share
            if share == 1.0:
                return best
        if most >= 0:
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
    found = np.unique(values)
    if len(found) == 2 and 0.0 in found and values.size > 2:  # a mask
        return np.asarray(rng.permutation(values.ravel()).reshape(values.shape))
    return draw(values, rng)


def _data(values: Array, readers: list[tuple[Node, int]], rng: np.random.Generator) -> Array:
    counts = {_choices(node, place) for node, place in readers}
    if None not in counts:
        count = min(own for own in counts if own is not None)
        drawn = np.concatenate([rng.permutation(count) for _ in range(values.size // count + 1)])
        return np.asarray(drawn[: values.size].reshape(values.shape).astype(np.float64))
    return np.asarray(rng.permutation(values)) if values.ndim else values  # rows, in another order


def _choices(node: Node, place: int) -> int | None:
    """Give how many whole numbers there are to choose from; None where rows stand."""
    if node.operation.name == "embedding":
        return node.operand_shapes[0][0]
    return None if node.operand_shapes[place] == node.operand_shapes[0] else node.operand_shapes[0][-1]


def _free(values: Array, rng: np.random.Generator) -> Array:
    scale = 1.2 / np.sqrt(values.shape[-2]) if values.ndim > 1 and values.shape[-2] > 1 else 0.8
    return _short(rng.normal(scale=scale, size=values.shape))


def _of_same_sign(values: Array, rng: np.random.Generator) -> Array:
    sizes = _short(rng.uniform(0.3, 1.7, size=values.shape))
    return np.asarray(np.where(values < 0, -sizes, sizes))


def _near(values: Array, rng: np.random.Generator) -> Array:
    return np.asarray(np.round(values * rng.uniform(0.75, 1.05, size=values.shape), 3))


def _short(values: Array) -> Array:
    """Round to hundredths, none of them 0."""
    rounded = np.round(values, 2)
    return np.asarray(np.where(np.abs(rounded) < _LEAST, np.where(values < 0, -_LEAST, _LEAST), rounded))


def _share_alive(problem: GraphProblem) -> float:
    """Give the share of entries of what is asked whose gradient is not 0; -1 where it is not defined."""
    values = values_of(problem, FLOATS)
    if not all((np.abs(values[node.name]) <= _LARGEST).all() for node in problem.nodes):
        return -1.0
    gradients = gradients_of(problem, values, FLOATS)
    asked = [gradients[plain(key)] for key in problem.asked if plain(key) in gradients]
    if not all(np.isfinite(own).all() for own in gradients.values()):
        return -1.0
    return float(np.mean(np.concatenate([np.ravel(own) != 0 for own in asked]))) if asked else 0.0
