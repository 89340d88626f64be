"""Draw informative numbers for a problem of layers or a graph: few gradients are zero."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import prod
from typing import TypeVar

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import deltas
from reference_impl.network import Batch, LayerParameters, forward
from reference_impl.problem import Problem
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import gradients_of, values_of
from verifier.problem.graph import GraphProblem, Node, node_name
from verifier.problem.loss import apply_weighting

_ATTEMPTS = 40
_ATTEMPTS_OF_GRAPH = 12  # with each way of drawing
_MIN_EXAMPLES = 5
_MIN_MAGNITUDE = 0.05  # of a drawn number
_MAX_VALUE = 1e4  # of a node
P = TypeVar("P")


def _best_draw(draws: Iterable[P], informative_share: Callable[[P], float]) -> P | None:
    """Return the draw with the largest share, the first one with 1; None if all shares are negative."""
    best, best_share = None, -1.0
    for drawn in draws:
        share = informative_share(drawn)
        if share > best_share:
            best, best_share = drawn, share
        if share == 1.0:
            break
    return best


def _round(values: Array, least: float = _MIN_MAGNITUDE) -> Array:
    """Return values rounded to hundredths, with a least magnitude."""
    rounded = np.round(values, 2)
    return np.asarray(np.where(np.abs(rounded) < least, np.where(values < 0, -least, least), rounded))


def informative_parameters(problem: Problem, seed: int) -> Problem:
    """Return the problem with random short decimals; of several draws the one with the fewest zero δ.

    Network, loss, reductions and penalties stay. N is at least 5 and, with several outputs, not a multiple of
    their count C. The result depends on the seed only.
    """
    generators = (np.random.default_rng([seed, attempt]) for attempt in range(_ATTEMPTS))
    best = _best_draw((_draw(problem, rng) for rng in generators), _informative_share)
    assert best is not None  # no share is negative
    return best


def informative_batch_size(outputs: int) -> int:
    """Return a batch size that is not a multiple of the number of outputs."""
    number = _MIN_EXAMPLES
    while outputs > 1 and number % outputs == 0:
        number += 1
    return number


def _draw(problem: Problem, rng: np.random.Generator) -> Problem:
    examples = informative_batch_size(problem.network.layers[-1].outputs)
    parameters = tuple(
        LayerParameters(
            _round(rng.normal(scale=1.2 / np.sqrt(layer.inputs), size=(layer.inputs, layer.outputs))),
            _round(rng.normal(scale=0.4, size=layer.outputs)) if layer.bias else None,
        )
        for layer in problem.network.layers
    )
    inputs = _round(rng.normal(size=(examples, problem.network.layers[0].inputs)), 0.1)
    masks = {
        index: np.where(rng.random((examples, mask.shape[1])) < 0.75, _scale_of(mask), 0.0)
        for index, mask in problem.batch.masks.items()
    }
    risk, targets = problem.risk, _targets(problem, rng, examples)
    if risk.weighting is not None:
        counted = np.ones(examples, dtype=bool)
        risk, targets = apply_weighting(risk, risk.weighting, targets, counted, of_classes=True)
    return replace(problem, parameters=parameters, batch=Batch(inputs, targets, masks), risk=risk)


def _scale_of(mask: Array) -> float:
    kept = mask[mask != 0]
    scale = float(kept.flat[0]) if kept.size else 2.0
    return scale if scale != 1.0 else 1.25


def _targets(problem: Problem, rng: np.random.Generator, examples: int) -> Array:
    outputs = problem.network.layers[-1].outputs
    if problem.risk.loss.class_targets:
        classes = np.concatenate([rng.permutation(outputs) for _ in range(examples // outputs + 1)])
        return np.asarray(np.eye(outputs)[classes[:examples]])
    if problem.risk.loss.name in ("mse", "mae", "huber"):
        return np.round(rng.normal(size=(examples, outputs)), 2)
    return rng.integers(2, size=(examples, outputs)).astype(float)


def _informative_share(problem: Problem) -> float:
    """Return the mean share of units with a nonzero δ, and with examples on both sides of each kink."""
    trace = forward(problem.network, problem.parameters, problem.batch)
    shares = []
    for layer, a, delta in zip(problem.network.layers, trace.a, deltas(problem, trace), strict=True):
        informative = (delta != 0).any(axis=0) & np.isfinite(a).all(axis=0)
        for kink in layer.activation.kinks:
            informative &= (a > kink.at).any(axis=0) & (a < kink.at).any(axis=0)
        shares.append(informative.mean())
    return float(np.mean(shares))


def informative_graph_numbers(problem: GraphProblem, seed: int) -> GraphProblem:
    """Return the graph with random numbers; of several draws the one with the fewest zero gradients.

    Masks keep their two values; indices and classes remain valid. If no free draw is defined (as for the
    logarithm of a parameter), numbers keep their signs, or stay near their old values. The result depends on
    the seed only.
    """
    for manner, draw in enumerate((_free, _of_same_sign, _near)):
        seeds = ([seed, manner, attempt] for attempt in range(_ATTEMPTS_OF_GRAPH))
        draws = (_drawn(problem, draw, np.random.default_rng(numbers)) for numbers in seeds)
        best = _best_draw(draws, _informative_share_of_graph)
        if best is not None:
            return best
    return problem


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
    if node.operation.name == "take":
        return prod(node.operand_shapes[0])
    return None if node.operand_shapes[place] == node.operand_shapes[0] else node.operand_shapes[0][-1]


def _free(values: Array, rng: np.random.Generator) -> Array:
    scale = 1.2 / np.sqrt(values.shape[-2]) if values.ndim > 1 and values.shape[-2] > 1 else 0.8
    return _round(rng.normal(scale=scale, size=values.shape))


def _of_same_sign(values: Array, rng: np.random.Generator) -> Array:
    sizes = _round(rng.uniform(0.3, 1.7, size=values.shape))
    return np.asarray(np.where(values < 0, -sizes, sizes))


def _near(values: Array, rng: np.random.Generator) -> Array:
    return np.asarray(np.round(values * rng.uniform(0.75, 1.05, size=values.shape), 3))


def _informative_share_of_graph(problem: GraphProblem) -> float:
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
