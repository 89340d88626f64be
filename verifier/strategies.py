"""Hypothesis strategies for networks, losses, batches, problems and submissions with a given bug.

Everything shrinks: to one layer, one unit, one example, the identity, small whole numbers. Needs hypothesis
(`pip install "gradjury[test]"`).
"""

from collections.abc import Sequence
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
from verifier.convention import EXAMPLE_AXES, WEIGHT_LAYOUTS, Convention
from verifier.diagnosis.mutation import Mutant, mutants
from verifier.documents.of_problem import submission_of
from verifier.submission import Submission

# simplest first: that is what a failing example shrinks to
NUMBERS: tuple[float, ...] = (
    *(1.0, 2.0, 0.0, -1.0, -2.0, 3.0, -3.0),
    *(sign * part for part in (0.5, 1.5, 0.25, 0.75, 0.1, 0.3, 0.7, 1.2) for sign in (1, -1)),
)
_OUTPUT_OF = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


def numbers() -> st.SearchStrategy[float]:
    """Draw short decimals between -3 and 3, whole ones first."""
    return st.sampled_from(NUMBERS)


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], elements: Any = None) -> Array:
    """Draw an array of short decimals."""
    size = int(np.prod(shape))
    drawn = draw(st.lists(elements or numbers(), min_size=size, max_size=size))
    return np.asarray(drawn, dtype=np.float64).reshape(shape)


def activations(names: Sequence[str] = tuple(ACTIVATIONS)) -> st.SearchStrategy[Any]:
    """Draw a row of the table of activations, the identity being the simplest."""
    return st.sampled_from(sorted(names, key=list(ACTIVATIONS).index)).map(activation)


@st.composite
def layers(draw: st.DrawFn, inputs: int, outputs: int, hidden: Any = None, bias: Any = None) -> Layer:
    """Draw a layer of given widths. hidden: a strategy of activations. bias: one of booleans."""
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
    """Draw a network. output: the last activation's name, else as the hidden ones. outputs: how many."""
    depth = draw(st.integers(1, most_layers))
    widths = [draw(st.integers(1, widest)) for _ in range(depth)]
    widths.append(outputs if outputs is not None else draw(st.integers(1, widest)))
    with_bias = draw(bias or st.booleans())
    rows = []
    for index in range(depth):
        last = index == depth - 1 and output is not None
        chosen = activation(output) if last and output is not None else draw(activations(hidden))
        rows.append(Layer(widths[index], widths[index + 1], chosen, with_bias))
    return Network(tuple(rows))


@st.composite
def parameters(draw: st.DrawFn, network: Network) -> Parameters:
    """Draw parameters for a network."""
    return tuple(
        LayerParameters(
            draw(arrays((layer.inputs, layer.outputs))),
            draw(arrays((layer.outputs,))) if layer.bias else None,
        )
        for layer in network.layers
    )


@st.composite
def losses(draw: st.DrawFn, names: Sequence[str] = tuple(LOSSES), penalties: bool = True) -> Risk:
    """Draw a loss with its reductions, `on`, and now and then an l2 penalty."""
    row = LOSSES[draw(st.sampled_from(list(names)))]
    outputs = draw(st.sampled_from(("sum", "mean"))) if row.reduces_outputs else "sum"
    extra = draw(st.sampled_from(((), (Penalty("l2", 0.1, 0.5),)))) if penalties else ()
    on = draw(st.sampled_from(list(row.on)))
    return Risk(row, row.default_factor, draw(st.sampled_from(("mean", "sum"))), outputs, on, extra)


@st.composite
def batches(
    draw: st.DrawFn, network: Network, risk: Risk, most_examples: int = 4, least_examples: int = 1
) -> Batch:
    """Draw inputs, and targets that the loss allows."""
    examples = draw(st.integers(least_examples, most_examples))
    outputs = network.layers[-1].outputs
    inputs = draw(arrays((examples, network.layers[0].inputs)))
    if risk.loss.class_targets:
        classes = draw(st.lists(st.integers(0, outputs - 1), min_size=examples, max_size=examples))
        return Batch(inputs, np.eye(outputs)[classes])
    elements = st.sampled_from((0.0, 1.0)) if risk.loss.name == "binary_cross_entropy" else None
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
    """Draw a problem; whatever is given stays fixed. With probabilities the last activation puts them out."""
    drawn = risk if risk is not None else draw(losses())
    last = output
    if last is None and drawn.on == "probabilities":
        last = _OUTPUT_OF[drawn.loss.name]
    network = draw(
        networks(
            most_layers=most_layers,
            widest=widest,
            hidden=hidden,
            output=last,
            bias=None if bias is None else st.just(bias),
        )
    )
    return Problem(network, draw(parameters(network)), draw(batches(network, drawn, most_examples)), drawn)


def conventions() -> st.SearchStrategy[Convention]:
    """Draw a layout of weights and an axis of examples; biases flat."""
    return st.builds(Convention, st.sampled_from(WEIGHT_LAYOUTS), st.sampled_from(EXAMPLE_AXES))


@st.composite
def submissions(draw: st.DrawFn, /, bug: str | None = None, **choices: Any) -> Submission:
    """Draw a submission: a right one, or one with a bug of the catalogue in one place that allows it.

    choices: see `problems`. Problems in which the bug cannot be made are passed over.
    """
    problem = draw(problems(**choices))
    trace = forward(problem.network, problem.parameters, problem.batch)
    if bug is None:
        made = gradients(problem, trace)
    else:
        found = [mutant for mutant in mutants(problem, trace) if mutant.bug.id == bug]
        assume(found)
        chosen: Mutant = draw(st.sampled_from(found))
        made = chosen.gradients
    return submission_of(problem, dict(named(made)), convention=draw(conventions()))
