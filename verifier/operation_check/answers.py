"""Reference gradients of one use of an operation with a row in the table of operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.estimate import Answer, Estimate
from verifier.graphs.arithmetic.balls import BALLS
from verifier.graphs.arithmetic.honest import HonestNumbers
from verifier.graphs.judging import ask
from verifier.graphs.operation import Fit, GraphOperation
from verifier.graphs.oracles import GRAPH_ORACLES
from verifier.graphs.problem import GraphProblem
from verifier.graphs.rounding import rounding
from verifier.graphs.values import values_of
from verifier.operation_check.references import Reference, problem_of, taken_at_its_word
from verifier.operation_check.trying import Tried
from verifier.operation_check.written import WrittenOperation
from verifier.precision import PRECISIONS
from verifier.rounding_arithmetic import DEVIATIONS

FORWARD = "forward"  # name of the value in a mapping of gradients by name
QUICK = ("backpropagation",)
EVERY = tuple(GRAPH_ORACLES)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Answers of the oracles about one use.

    problem: graph of the use.
    answers: by oracle; gradients by argument name and, if known, the value under FORWARD.
    allowance, scale: rounding allowance and scale of each gradient.
    values: values of the graph's nodes.
    of_row: True if the operation has a row in the table.
    """

    problem: GraphProblem
    answers: Mapping[str, Answer]
    allowance: Mapping[str, Array]
    scale: Mapping[str, Array]
    values: Mapping[str, Array]
    of_row: bool


def of_row(
    operation: WrittenOperation,
    reference: Reference,
    fit: Fit,
    arguments: Sequence[Array],
    result: Tried,
    oracles: Sequence[str],
) -> Asked:
    """Return the answers of the graph oracles with these names, with a certified interval of the value."""
    assert reference.row is not None
    assert result.upstream is not None
    floats = [array.astype(np.float64) for array in arguments]
    problem = problem_of(reference.row, fit, operation, floats, result.upstream, reference.data)
    float64_rounding = rounding(problem, PRECISIONS["float64"])
    answers = dict(ask(problem, float64_rounding, oracles))
    node = problem.nodes[0]
    interval = values_of(problem, BALLS)[node.name]
    rounded = values_of(problem, HonestNumbers(PRECISIONS["float64"]))[node.name]
    # the interval's radius is needed where the value is 0, as in log 1, and is rounded nevertheless
    rounding_error = np.maximum(DEVIATIONS * rounded.deviation, interval.radius)
    value = {"backpropagation": Estimate(interval.middle, interval.radius)}
    if "autograd" in answers and answers["autograd"].gradient:
        import torch

        tensors = [torch.tensor(array.copy()) for array in floats]
        value["autograd"] = Estimate(node.operation.in_torch(torch, node, tensors).numpy(), rounding_error)
    for oracle, estimate in value.items():
        answers[oracle] = with_answer(answers[oracle], FORWARD, estimate)
    return Asked(
        problem,
        answers,
        {**float64_rounding.allowance, FORWARD: rounding_error},
        {**float64_rounding.scale, FORWARD: rounded.size},
        float64_rounding.values,
        of_row=True,
    )


def pulled_row(
    operation: WrittenOperation, reference_answers: Asked, expected: Mapping[str, Array]
) -> GraphProblem:
    """Return the graph with a row whose vector-Jacobian product is the oracles', for the diagnosis."""
    node, *others = reference_answers.problem.nodes
    pulled = [expected[name] for name in node.operands]
    row: GraphOperation = taken_at_its_word(operation.name, node.shape, pulled)
    inner = type(node)(node.name, row, node.operands, node.options, node.operand_shapes, node.shape)
    return GraphProblem(
        reference_answers.problem.inputs,
        reference_answers.problem.parameters,
        {},
        (inner, *others),
        reference_answers.problem.output,
        reference_answers.problem.asked,
    )


def with_answer(answer: Answer, name: str, estimate: Estimate) -> Answer:
    """Return the answer with an additional estimate."""
    return Answer({**answer.gradient, name: estimate}, answer.uncertainty, answer.reason)
