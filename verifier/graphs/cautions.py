"""Collect the warnings of a graph's report."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from verifier.caution import Caution
from verifier.cautions import of_disputes, of_undecided
from verifier.comparison import Comparison
from verifier.consensus import Consensus
from verifier.graphs.chain import first_breaks, place
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.rounding import GraphRounding, reached_kinks
from verifier.graphs.submission import GraphSubmission
from verifier.report import LossReport
from verifier.verdict import Verdict

_MAX_NAMES = 10


def cautions(
    submission: GraphSubmission,
    loss: LossReport,
    comparisons: Mapping[str, Comparison],
    consensus: Consensus,
    rounding_allowance: GraphRounding,
) -> Iterator[Caution]:
    """Yield the report's warnings, except those from reading the document."""
    problem = submission.problem
    yield from _loss_warnings(loss)
    yield from _overflow_warnings(problem, rounding_allowance, loss)
    yield from _chain_warnings(problem, comparisons)
    yield from of_undecided(comparisons)
    yield from of_disputes(consensus)
    if any(comparison.subgradient.any() for comparison in comparisons.values()):
        yield from _kink_warnings(problem, rounding_allowance)
    yield from _influence_warnings(problem, comparisons)


def cautions_of_accepted(
    submission: GraphSubmission, loss: LossReport, rounding_allowance: GraphRounding
) -> Iterator[Caution]:
    """Yield the warnings that a submission without wrong or doubtful entries may have."""
    yield from _loss_warnings(loss)
    yield from _overflow_warnings(submission.problem, rounding_allowance, loss)
    submitted = [key for key in submission.problem.asked if key in submission.gradients]
    yield from _influence_warnings(submission.problem, submitted)


def _loss_warnings(loss: LossReport) -> Iterator[Caution]:
    if loss.verdict is Verdict.INCORRECT:
        yield Caution(
            "another-loss",
            "the reported loss is not the value of the output, so the gradients may be right ones of another "
            "graph: compare the values of the nodes",
        )


def _overflow_warnings(
    problem: GraphProblem, rounding_allowance: GraphRounding, loss: LossReport
) -> Iterator[Caution]:
    finite = all(np.isfinite(whole).all() for whole in rounding_allowance.values.wholes())
    for node in problem.nodes if not finite else ():
        if not np.isfinite(rounding_allowance.values[node.name]).all():
            yield Caution(
                "overflow",
                f"the value of {node.name} ({node.operation.name}) is not finite; nothing that depends on it "
                "can be judged, use other numbers",
            )
            break
    if not np.isfinite(loss.value):
        yield Caution(
            "loss-not-finite",
            "the output of this graph is not a finite number, so it has no gradient to compare with",
        )


def _chain_warnings(problem: GraphProblem, comparisons: Mapping[str, Comparison]) -> Iterator[Caution]:
    wrong = {key: bool(comparison.incorrect.any()) for key, comparison in comparisons.items()}
    if any(wrong.values()) and (breaks := first_breaks(problem, wrong)):
        names = ", ".join(place(problem, key) for key in breaks[:_MAX_NAMES])
        rest = f" and {len(breaks) - _MAX_NAMES} more" if len(breaks) > _MAX_NAMES else ""
        yield Caution(
            "chain-breaks",
            f"from the output back, the first wrong gradient{' is' if len(breaks) == 1 else 's are'} "
            f"{names}{rest}: all that was handed in behind {'it' if len(breaks) == 1 else 'them'} is right",
        )


def _kink_warnings(problem: GraphProblem, rounding_allowance: GraphRounding) -> Iterator[Caution]:
    reached = reached_kinks(
        problem, rounding_allowance.values, lambda values: (values, np.zeros(values.shape))
    )
    for node in problem.nodes:
        mask = reached.get(node.name, rounding_allowance.kinks.get(node.name))
        if mask is not None:
            mask = mask | rounding_allowance.kinks.get(node.name, mask)
            entries = [tuple(map(int, entry)) for entry in np.argwhere(mask)[:_MAX_NAMES]]
            shown = ", ".join(str(list(entry)) for entry in entries) if mask.ndim else "its operand"
            yield Caution(
                "kink",
                f"{node.name} is at the kink of {node.operation.name}, as far as the precision can tell, in "
                f"{node.operands[0]}: {shown}; any slopes between both sides are right "
                "there, if they give all entries together",
            )


def _influence_warnings(problem: GraphProblem, submitted: Iterable[str]) -> Iterator[Caution]:
    influential = {problem.output}
    for node in problem.upstream_of_output:
        influential.update(node.operands)
    unused = [key for key in submitted if plain(key) not in influential]
    if unused:
        yield Caution(
            "no-influence",
            f"the output does not depend on {', '.join(unused[:_MAX_NAMES])}: the gradient is zero "
            "whatever the code does",
        )
