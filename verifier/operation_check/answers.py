"""What the oracles answer about one use: of a row of the table, or of functions known by values alone."""

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

FORWARD = "forward"  # the value, among the names of gradients
QUICK = ("backpropagation",)
EVERY = tuple(GRAPH_ORACLES)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """problem: the use as a graph. answers: to its gradients, and to the value as FORWARD where it is known.

    allowance, scale: as of any problem. values: of the problem's nodes. of_row: whether a row of the table is
    differentiated.
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
    tried: Tried,
    oracles: Sequence[str],
) -> Asked:
    """Ask the oracles of graphs, by name; the value is enclosed, and PyTorch's beside it."""
    assert reference.row is not None
    assert tried.upstream is not None
    floats = [own.astype(np.float64) for own in arguments]
    problem = problem_of(reference.row, fit, operation, floats, tried.upstream, reference.data)
    honest = rounding(problem, PRECISIONS["float64"])
    answers = dict(ask(problem, honest, oracles))
    own = problem.nodes[0]
    enclosed = values_of(problem, BALLS)[own.name]
    deviating = values_of(problem, HonestNumbers(PRECISIONS["float64"]))[own.name]
    lost = np.maximum(DEVIATIONS * deviating.deviation, enclosed.radius)  # log 1 is 0, and still rounded
    value = {"backpropagation": Estimate(enclosed.middle, enclosed.radius)}
    if "autograd" in answers and answers["autograd"].gradient:
        import torch

        tensors = [torch.tensor(array.copy()) for array in floats]
        value["autograd"] = Estimate(own.operation.in_torch(torch, own, tensors).numpy(), lost)
    for oracle, estimate in value.items():
        answers[oracle] = with_answer(answers[oracle], FORWARD, estimate)
    return Asked(
        problem,
        answers,
        {**honest.allowance, FORWARD: lost},
        {**honest.scale, FORWARD: deviating.size},
        honest.values,
        of_row=True,
    )


def pulled_row(operation: WrittenOperation, asked: Asked, expected: Mapping[str, Array]) -> GraphProblem:
    """Give the same problem with a row whose pull-back is what the oracles say, for the diagnosis."""
    node, *others = asked.problem.nodes
    pulled = [expected[name] for name in node.operands]
    row: GraphOperation = taken_at_its_word(operation.name, node.shape, pulled)
    inner = type(node)(node.name, row, node.operands, node.options, node.operand_shapes, node.shape)
    return GraphProblem(
        asked.problem.inputs,
        asked.problem.parameters,
        {},
        (inner, *others),
        asked.problem.output,
        asked.problem.asked,
    )


def with_answer(answer: Answer, name: str, estimate: Estimate) -> Answer:
    return Answer({**answer.gradient, name: estimate}, answer.uncertainty, answer.reason)
