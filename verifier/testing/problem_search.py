"""Search for the smallest problem on which a backward function is wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise, product
from random import Random

import numpy as np
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from reference_impl.activations import activation
from reference_impl.losses import Risk
from reference_impl.network import Batch, Layer, LayerParameters, Network, named
from reference_impl.problem import Problem
from verifier.testing import strategies
from verifier.testing.backward_function import (
    Backward,
    BackwardConventions,
    bugs_named,
    is_wrong,
    judge_unless_raised,
)

_NO_HEALTH_CHECKS = tuple(HealthCheck)
_DRAWS = 12  # draws of numbers per shape
_NAMED_DRAWS = 2  # the same where each draw costs a diagnosis; the first one is all zeros
_MOST_SHAPES = 12  # shapes on which a name is sought that the smallest network does not have


@dataclass(frozen=True, slots=True)
class ProblemSpace:
    """Set of problems that a function supports.

    hidden: possible activations of hidden layers.
    output: activation of the last layer.
    bias: True if layers have biases.
    least_layers: 2 if the function requires a hidden layer.
    outputs: number of output units; None for any number up to `widest`.
    """

    risk: Risk
    hidden: tuple[str, ...] = ("tanh",)
    output: str = "identity"
    bias: bool = True
    least_layers: int = 1
    most_layers: int = 3
    widest: int = 4
    most_examples: int = 4
    outputs: int | None = None


def problems_in(question: ProblemSpace) -> st.SearchStrategy[Problem]:
    """Return a strategy for problems of all shapes that the question allows."""
    shapes = list(_shapes(question))
    return st.sampled_from(shapes).flatmap(lambda shape: _problems_of_shape(question, *shape))


def first_failure(
    backward: Backward, question: ProblemSpace, style: BackwardConventions, examples: int
) -> Problem | None:
    """Return a random problem on which the function is wrong, not shrunk; None if all are correct.

    examples: number of problems to try.
    """
    return _find(problems_in(question), _is_wrong(backward, style), examples, shrink=False)


def smallest_failure(
    backward: Backward, question: ProblemSpace, style: BackwardConventions
) -> Problem | None:
    """Return the smallest problem on which the function is wrong; None if none is found."""
    wrong = _is_wrong(backward, style)
    for shape in _shapes(question):
        problem = _find(_problems_of_shape(question, *shape), wrong, _DRAWS, shrink=True)
        if problem is not None:
            return problem
    return None


def smallest_with_names(
    backward: Backward, question: ProblemSpace, style: BackwardConventions, names: set[str], least: int
) -> Problem | None:
    """Return the smallest problem on which the diagnosis names these bugs; None if few shapes show none.

    least: number of parameters from which on problems are tried.
    """

    def has_names(problem: Problem) -> bool:
        report = judge_unless_raised(backward, problem, style, quick=True)
        return report is not None and bugs_named(report) == names

    shapes = (shape for shape in _shapes(question) if _parameter_count(shape[0], question.bias) >= least)
    for shape in islice(shapes, _MOST_SHAPES):
        problems = _problems_of_shape(question, *shape).map(_with_whole_numbers)
        problem = _find(problems, has_names, _NAMED_DRAWS, shrink=False)
        if problem is not None:
            return problem  # it is not shrunk, as every step would cost a diagnosis
    return None


def parameters_of(problem: Problem) -> int:
    """Return the number of parameter entries."""
    return sum(array.size for _, array in named(problem.parameters))


def largest(question: ProblemSpace) -> Problem:
    """Return a problem of the deepest shape, with all numbers 1 and, if possible, with different widths."""
    depth, widest = question.most_layers, question.widest
    sizes = [max(1, widest - index % 2) for index in range(depth)]
    sizes.append(question.outputs or max(1, widest - 1))
    names = (*(question.hidden[i % len(question.hidden)] for i in range(depth - 1)), question.output)
    network = Network(
        tuple(
            Layer(n_in, n_out, activation(name), question.bias)
            for n_in, n_out, name in zip(sizes, sizes[1:], names, strict=False)
        )
    )
    ones = tuple(
        LayerParameters(
            np.ones((layer.inputs, layer.outputs)), np.ones(layer.outputs) if layer.bias else None
        )
        for layer in network.layers
    )
    return Problem(network, ones, Batch(np.ones((1, sizes[0])), np.ones((1, sizes[-1]))), question.risk)


def _with_whole_numbers(problem: Problem) -> Problem:
    """Return the problem with parameters and inputs, and targets of a regression, rounded."""
    batch, regression = problem.batch, "values" in problem.risk.loss.on
    targets = np.rint(batch.targets) if regression else batch.targets
    parameters = tuple(
        LayerParameters(np.rint(layer.weight), None if layer.bias is None else np.rint(layer.bias))
        for layer in problem.parameters
    )
    return replace(
        problem, parameters=parameters, batch=replace(batch, inputs=np.rint(batch.inputs), targets=targets)
    )


def _is_wrong(backward: Backward, style: BackwardConventions) -> Callable[[Problem], bool]:
    return lambda problem: is_wrong(backward, problem, style)


def _shapes(question: ProblemSpace) -> Iterator[tuple[tuple[int, ...], tuple[str, ...], int]]:
    """Yield widths, hidden activations and the number of examples, fewest parameters first."""
    shapes = []
    for depth in range(question.least_layers, question.most_layers + 1):
        widths = [range(1, question.widest + 1)] * depth
        last: Sequence[int] = range(1, question.widest + 1)
        if question.outputs is not None:
            last = [question.outputs]
        for sizes in product(*widths, last):
            for hidden in product(question.hidden, repeat=depth - 1):
                for examples in range(1, question.most_examples + 1):
                    shapes.append((sizes, hidden, examples))
    shapes.sort(key=lambda shape: (_parameter_count(shape[0], question.bias), shape[2], len(shape[0])))
    yield from shapes


def _parameter_count(sizes: Sequence[int], bias: bool) -> int:
    return sum((n_in + bias) * n_out for n_in, n_out in pairwise(sizes))


@st.composite
def _problems_of_shape(
    draw: st.DrawFn, question: ProblemSpace, sizes: tuple[int, ...], hidden: tuple[str, ...], examples: int
) -> Problem:
    names = (*hidden, question.output)
    layers = tuple(
        Layer(n_in, n_out, activation(name), question.bias)
        for n_in, n_out, name in zip(sizes, sizes[1:], names, strict=False)
    )
    network = Network(layers)
    batch = draw(strategies.batches(network, question.risk, examples, examples))
    return Problem(network, draw(strategies.parameters(network)), batch, replace(question.risk))


def _find(
    strategy: st.SearchStrategy[Problem], condition: Callable[[Problem], bool], examples: int, *, shrink: bool
) -> Problem | None:
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    search_settings = settings(
        max_examples=examples,
        phases=phases,
        database=None,
        deadline=None,
        suppress_health_check=_NO_HEALTH_CHECKS,
    )
    try:
        return find(strategy, condition, settings=search_settings, random=Random(0))
    except NoSuchExample:
        return None
