"""Hypothesis strategies for networks, losses, batches, problems and submissions with a given bug.

Every strategy shrinks towards one layer, one unit, one example, the identity and small whole numbers.
Requires hypothesis (`pip install "gradjury[test]"`).
"""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from reference_impl.activations import ACTIVATIONS, activation
from reference_impl.array import Array
from reference_impl.backpropagation import gradients
from reference_impl.losses import LOSSES, Penalty, Risk
from reference_impl.network import Batch, Layer, LayerParameters, Network, Parameters, forward, named
from reference_impl.problem import Problem
from verifier.diagnosis.catalogue import ids_of
from verifier.diagnosis.graph_mutants import graph_mutants
from verifier.diagnosis.mutants import Mutant, mutants
from verifier.documents.graph import read_graph
from verifier.documents.writing import arrays_to_lists, make_submission
from verifier.engine.operations import OPERATIONS
from verifier.examples.graphs import correct_gradients
from verifier.problem.graph import Shape
from verifier.problem.submission import EXAMPLE_AXES, WEIGHT_LAYOUTS, Convention, GraphSubmission, Submission
from verifier.testing.operand_domains import OperandDomain
from verifier.testing.random_graph_forms import BASIC_OPERATIONS, FORMS
from verifier.testing.random_graphs import EVERYTHING, GraphBuilder, GraphLimits

# simplest first: failing examples shrink towards the first number
NUMBERS: tuple[float, ...] = (
    *(1.0, 2.0, 0.0, -1.0, -2.0, 3.0, -3.0),
    *(sign * number for number in (0.5, 1.5, 0.25, 0.75, 0.1, 0.3, 0.7, 1.2) for sign in (1, -1)),
)
_OUTPUT_ACTIVATIONS = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


def numbers() -> st.SearchStrategy[float]:
    """Draw short decimals between -3 and 3, simplest first."""
    return st.sampled_from(NUMBERS)


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], elements: Any = None) -> Array:
    """Draw an array of short decimals, or of numbers from the strategy `elements`."""
    size = int(np.prod(shape))
    values = draw(st.lists(elements or numbers(), min_size=size, max_size=size))
    return np.asarray(values, dtype=np.float64).reshape(shape)


def activations(names: Sequence[str] = tuple(ACTIVATIONS)) -> st.SearchStrategy[Any]:
    """Draw an activation; the identity is the simplest one."""
    return st.sampled_from(sorted(names, key=list(ACTIVATIONS).index)).map(activation)


@st.composite
def layers(draw: st.DrawFn, inputs: int, outputs: int, hidden: Any = None, bias: Any = None) -> Layer:
    """Draw a layer. hidden: strategy for its activation. bias: strategy for booleans."""
    return Layer(inputs, outputs, draw(hidden or activations()), draw(bias or st.booleans()))


@st.composite
def networks(
    draw: st.DrawFn,
    *,
    most_layers: int = 3,
    widest: int = 4,
    hidden: Sequence[str] = tuple(ACTIVATIONS),
    output: str | None = None,
    outputs: int | None = None,
    bias: Any = None,
) -> Network:
    """Draw a network.

    output: name of the last activation; None to choose it from `hidden`.
    outputs: number of output units; None to draw it.
    bias: strategy for booleans; all layers are drawn with biases or all without.
    """
    depth = draw(st.integers(1, most_layers))
    widths = [draw(st.integers(1, widest)) for _ in range(depth)]
    widths.append(outputs if outputs is not None else draw(st.integers(1, widest)))
    with_bias = draw(bias or st.booleans())
    network_layers = []
    for index in range(depth):
        last = index == depth - 1 and output is not None
        function = activation(output) if last and output is not None else draw(activations(hidden))
        network_layers.append(Layer(widths[index], widths[index + 1], function, with_bias))
    return Network(tuple(network_layers))


@st.composite
def parameters(draw: st.DrawFn, network: Network) -> Parameters:
    """Draw the parameters of a network."""
    return tuple(
        LayerParameters(
            draw(arrays((layer.inputs, layer.outputs))),
            draw(arrays((layer.outputs,))) if layer.bias else None,
        )
        for layer in network.layers
    )


@st.composite
def losses(draw: st.DrawFn, names: Sequence[str] = tuple(LOSSES), penalties: bool = True) -> Risk:
    """Draw a loss with its reductions, the form of its arguments (`on`) and, if allowed, an l2 penalty."""
    loss = LOSSES[draw(st.sampled_from(list(names)))]
    outputs = draw(st.sampled_from(("sum", "mean"))) if loss.reduces_outputs else "sum"
    penalty = draw(st.sampled_from(((), (Penalty("l2", 0.1, 0.5),)))) if penalties else ()
    on = draw(st.sampled_from(list(loss.on)))
    return Risk(loss, loss.default_factor, draw(st.sampled_from(("mean", "sum"))), outputs, on, penalty)


@st.composite
def batches(
    draw: st.DrawFn, network: Network, risk: Risk, most_examples: int = 4, least_examples: int = 1
) -> Batch:
    """Draw inputs, and targets that are valid for the loss."""
    examples = draw(st.integers(least_examples, most_examples))
    outputs = network.layers[-1].outputs
    inputs = draw(arrays((examples, network.layers[0].inputs)))
    if risk.loss.class_targets:
        classes = draw(st.lists(st.integers(0, outputs - 1), min_size=examples, max_size=examples))
        return Batch(inputs, np.eye(outputs)[classes])
    elements = {
        "binary_cross_entropy": st.sampled_from((0.0, 1.0)),
        "kl_divergence": st.sampled_from((0.0, 0.25, 0.5, 1.0)),
    }.get(risk.loss.name)
    return Batch(inputs, draw(arrays((examples, outputs), elements)))


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    most_layers: int = 3,
    widest: int = 4,
    most_examples: int = 4,
    hidden: Sequence[str] = tuple(ACTIVATIONS),
    output: str | None = None,
    risk: Risk | None = None,
    bias: bool | None = None,
) -> Problem:
    """Draw a problem. Arguments that are given are not drawn.

    For a loss on probabilities, the last activation is the one that returns probabilities.
    """
    chosen_risk = risk if risk is not None else draw(losses())
    last = output
    if last is None and chosen_risk.on == "probabilities":
        last = _OUTPUT_ACTIVATIONS[chosen_risk.loss.name]
    network = draw(
        networks(
            most_layers=most_layers,
            widest=widest,
            hidden=hidden,
            output=last,
            bias=None if bias is None else st.just(bias),
        )
    )
    batch_strategy = batches(network, chosen_risk, most_examples)
    return Problem(network, draw(parameters(network)), draw(batch_strategy), chosen_risk)


def conventions() -> st.SearchStrategy[Convention]:
    """Draw a layout of the weights and an axis of the examples; biases are one-dimensional."""
    return st.builds(Convention, st.sampled_from(WEIGHT_LAYOUTS), st.sampled_from(EXAMPLE_AXES))


@st.composite
def submissions(draw: st.DrawFn, /, bug: str | None = None, **choices: Any) -> Submission:
    """Draw a correct submission, or one with a bug of the catalogue at one place.

    bug: id of the bug, or an alias. Problems in which this bug is impossible are rejected.
    choices: arguments of `problems`.
    """
    problem = draw(problems(**choices))
    trace = forward(problem.network, problem.parameters, problem.batch)
    if bug is None:
        submitted = gradients(problem, trace)
    else:
        candidates = [mutant for mutant in mutants(problem, trace) if mutant.bug.id in ids_of(bug)]
        assume(candidates)
        mutant: Mutant = draw(st.sampled_from(candidates))
        submitted = mutant.gradients
    return make_submission(problem, dict(named(submitted)), convention=draw(conventions()))


_CONTINUE = st.integers(0, 7)  # 0 ends the graph; the shrinker can delete one step without changing others


@st.composite
def graphs(
    draw: st.DrawFn,
    *,
    operations: Sequence[str] = BASIC_OPERATIONS,
    most_nodes: int = 12,
    limits: GraphLimits = EVERYTHING,
) -> dict[str, Any]:
    """Draw the document of a valid graph without gradients, with its numbers in arrays.

    limits: dimensions, axes, broadcasting and reductions that the graph may have.
    operations: names of the operations. `sum`, `mean`, `multiply`, `add` and `mse` may occur in addition,
    because they reduce unused nodes to one number.
    Raises: ValueError for an unknown operation.
    """
    unknown = [name for name in operations if name not in FORMS]
    if unknown or not operations:
        raise ValueError(f"expected operations among {', '.join(FORMS)}, got {unknown or 'none'}")

    def choose(count: int) -> int:
        return draw(_below(count))

    def numbers(shape: Shape, domain: OperandDomain) -> Array:
        element = _one_of(domain.numbers)
        return np.array([draw(element) for _ in range(prod(shape))], dtype=np.float64).reshape(shape)

    growth = GraphBuilder(choose, numbers, most_nodes, limits)
    names = _one_of(tuple(operations))
    while growth.has_room and draw(_one_step(growth, names)):
        pass
    document = growth.document()
    assume(document is not None)
    assert document is not None  # otherwise the assumption failed
    return document


@st.composite
def _one_step(draw: st.DrawFn, growth: GraphBuilder, operations: st.SearchStrategy[str]) -> bool:
    if not draw(_CONTINUE):
        return False
    growth.take(OPERATIONS[draw(operations)])
    return True


@cache
def _below(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


@cache
def _one_of(values: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


@st.composite
def graph_submissions(draw: st.DrawFn, /, rule: str | None = None, **choices: Any) -> GraphSubmission:
    """Draw a submission of all gradients: correct ones, or with one wrong local rule at one place.

    rule: id in `LOCAL_RULES`, or an alias. Gradients that depend on the wrong one are wrong, too. Graphs in
    which the rule is impossible or changes nothing are rejected.
    choices: arguments of `graphs`.
    """
    document = draw(graphs(**choices))
    right = correct_gradients(document)
    if rule is None:
        return read_graph(arrays_to_lists({**document, "gradients": right}))
    problem = read_graph({**document, "gradients": right}).problem
    candidates = [
        mutant
        for mutant in graph_mutants(problem, [rule])
        if any(not np.array_equal(gradient, right[key]) for key, gradient in mutant.gradients.items())
    ]
    assume(candidates)
    gradients = dict(candidates[draw(_below(len(candidates)))].gradients)
    return read_graph(arrays_to_lists({**document, "gradients": gradients}))
