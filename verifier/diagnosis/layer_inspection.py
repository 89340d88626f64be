"""Inspect a problem of layers: the bugs that it reveals, its weaknesses, and numbers that reveal most."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import gradients
from reference_impl.network import Parameters, forward, named
from reference_impl.problem import Problem
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.mutants import mutants
from verifier.diagnosis.mutation_testing import (
    Outcomes,
    detect_bugs,
    most_informative,
    mutation_score,
    run_mutants,
)
from verifier.diagnosis.random_problem import informative_parameters
from verifier.engine.rounding_allowance import rounding
from verifier.judging.informativeness import uninformative_warnings
from verifier.problem.errors import ReportWarning
from verifier.problem.precision import PRECISIONS, Precision
from verifier.problem.submission import TOLERANCES, Tolerance
from verifier.report.inspection import BugDetection, Inspection, MutationSite


@dataclass(frozen=True, slots=True)
class Weakness:
    """A weakness of a problem. text: the bugs that it hides, and the remedy."""

    applies: Callable[[Problem], bool]
    text: str


def _examples(problem: Problem) -> int:
    return problem.batch.size


def _outputs(problem: Problem) -> int:
    return problem.network.layers[-1].outputs


WEAKNESSES: tuple[Weakness, ...] = (
    Weakness(
        lambda p: _examples(p) == 1,
        "one example: a mean and a sum over examples are the same, and a bias gradient that is not summed "
        "passes; use at least 3 examples",
    ),
    Weakness(
        lambda p: _examples(p) == 2,
        "two examples: a forgotten 1/N looks like a forgotten 2; use 3 or more",
    ),
    Weakness(
        lambda p: _examples(p) > 1 and _examples(p) == _outputs(p),
        "as many examples as outputs: a mean over the one looks like a mean over the other; change N",
    ),
    Weakness(
        lambda p: _outputs(p) == 1,
        "one output: a mean and a sum over outputs are the same; use 2 or more, unless the task has one",
    ),
    Weakness(
        lambda p: any(layer.activation.name == "identity" for layer in p.network.layers[:-1]),
        "a linear hidden layer hides every mistake about g′; give it a nonlinear activation",
    ),
    Weakness(
        lambda p: len(p.network.layers) == 1,
        "a single layer: nothing is sent down, so no mistake about a hidden δ can show; use two layers",
    ),
    Weakness(
        lambda p: not any(layer.bias for layer in p.network.layers),
        "no biases: no mistake about a bias gradient can show",
    ),
    Weakness(
        lambda p: bool((p.batch.inputs == 0).all(axis=0).any()),
        "an input that is 0 in every example: the gradients of its weights are 0 whatever the code does; "
        "change that column",
    ),
    Weakness(
        lambda p: _examples(p) > 1 and len(np.unique(p.batch.inputs, axis=0)) < _examples(p),
        "equal examples: leaving one out or counting one twice shows less; make them all different",
    ),
)


def weaknesses_of(problem: Problem) -> Iterator[str]:
    """Yield the advice that applies to a problem."""
    return (row.text for row in WEAKNESSES if row.applies(problem))


MAX_COMPARED_ENTRIES = 4096  # entries in which two bugs are compared
_DRAWS = 12  # of informative numbers


def inspect_problem(
    problem: Problem,
    precision: Precision = PRECISIONS["float64"],
    tolerance: Tolerance = TOLERANCES["standard"],
) -> Inspection:
    """Return which bugs a problem catches, misses and hides, and which of them give the same gradients.

    precision, tolerance: of the later check. A mutant is caught if the error of an entry exceeds the rounding
    error in that precision plus rtol · scale + atol. The work is one or two backward passes for each bug,
    layer and form, on this problem and on `COMPARISON_DRAWS` draws of other numbers.
    """

    def outcomes_of(drawn: Problem) -> Outcomes:
        return _outcomes(drawn, precision, tolerance)

    rows = detect_bugs(problem, outcomes_of, informative_parameters, BUGS, count_forms_of_draws=False)
    trace = forward(problem.network, problem.parameters, problem.batch)
    right = dict(named(gradients(problem, trace)))
    warnings = tuple(uninformative_warnings(problem, trace))
    return Inspection(
        mutation_score=mutation_score(rows),
        bugs=rows,
        uninformative={name: int((array == 0).sum()) for name, array in right.items()},
        entries=sum(array.size for array in right.values()),
        warnings=warnings,
        advice=tuple(_advice(problem, warnings, rows)),
    )


def _outcomes(problem: Problem, precision: Precision, tolerance: Tolerance) -> Outcomes:
    trace = forward(problem.network, problem.parameters, problem.batch)
    rounding_errors = rounding(problem, trace, precision)
    allowed = np.concatenate(
        [
            (
                rounding_errors.allowance[name]
                + tolerance.rtol * rounding_errors.scale[name]
                + tolerance.atol
            ).ravel()
            for name in rounding_errors.allowance
        ]
    )
    with_sites = (
        (mutant.bug.id, MutationSite(mutant.layer, mutant.equation), _flat(mutant.gradients))
        for mutant in mutants(problem, trace)
    )
    right = _flat(gradients(problem, trace))
    return run_mutants(
        with_sites, right, np.maximum(allowed, np.finfo(np.float64).tiny), MAX_COMPARED_ENTRIES
    )


def _flat(parameters: Parameters) -> Array:
    return np.concatenate([array.ravel() for _, array in named(parameters)])


def _advice(
    problem: Problem, warnings: tuple[ReportWarning, ...], rows: tuple[BugDetection, ...]
) -> Iterator[str]:
    yield from weaknesses_of(problem)
    yield from (warning.detail for warning in warnings if warning.code != "one-example")
    if any(row.missed or row.confused_with for row in rows):
        yield (
            "take other numbers of the same shape: `gradjury example --strong --like FILE` draws some "
            "that reveal and separate all that this shape allows"
        )


def most_informative_problem(problem: Problem) -> Problem:
    """Return the problem with the numbers, of several draws, that catch and separate most bugs."""
    return most_informative(problem, informative_parameters, inspect_problem, _DRAWS)
