"""Everything worth knowing beside a graph's verdict."""

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

_NAMED = 10


def cautions(
    submission: GraphSubmission,
    loss: LossReport,
    comparisons: Mapping[str, Comparison],
    consensus: Consensus,
    allowed: GraphRounding,
) -> Iterator[Caution]:
    """Give the report's warnings but those that reading the document already gave."""
    problem = submission.problem
    yield from _of_loss(loss)
    yield from _of_values(problem, allowed, loss)
    yield from _breaks(problem, comparisons)
    yield from of_undecided(comparisons)
    yield from of_disputes(consensus)
    if any(comparison.subgradient.any() for comparison in comparisons.values()):
        yield from _kinks(problem, allowed)
    yield from _without_influence(problem, comparisons)


def cautions_of_accepted(
    submission: GraphSubmission, loss: LossReport, allowed: GraphRounding
) -> Iterator[Caution]:
    """Give the warnings that a submission without any wrong or doubtful entry can have."""
    yield from _of_loss(loss)
    yield from _of_values(submission.problem, allowed, loss)
    submitted = [key for key in submission.problem.asked if key in submission.gradients]
    yield from _without_influence(submission.problem, submitted)


def _of_loss(loss: LossReport) -> Iterator[Caution]:
    if loss.verdict is Verdict.INCORRECT:
        yield Caution(
            "another-loss",
            "the reported loss is not the value of the output, so the gradients may be right ones of another "
            "graph: compare the values of the nodes",
        )


def _of_values(problem: GraphProblem, allowed: GraphRounding, loss: LossReport) -> Iterator[Caution]:
    finite = all(np.isfinite(whole).all() for whole in allowed.values.wholes())
    for node in problem.nodes if not finite else ():
        if not np.isfinite(allowed.values[node.name]).all():
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


def _breaks(problem: GraphProblem, comparisons: Mapping[str, Comparison]) -> Iterator[Caution]:
    wrong = {key: bool(comparison.incorrect.any()) for key, comparison in comparisons.items()}
    if any(wrong.values()) and (found := first_breaks(problem, wrong)):
        named = ", ".join(place(problem, key) for key in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        yield Caution(
            "chain-breaks",
            f"from the output back, the first wrong gradient{' is' if len(found) == 1 else 's are'} "
            f"{named}{more}: all that was handed in behind {'it' if len(found) == 1 else 'them'} is right",
        )


def _kinks(problem: GraphProblem, allowed: GraphRounding) -> Iterator[Caution]:
    reached = reached_kinks(problem, allowed.values, lambda own: (own, np.zeros(own.shape)))
    for node in problem.nodes:
        own = reached.get(node.name, allowed.kinks.get(node.name))
        if own is not None:
            own = own | allowed.kinks.get(node.name, own)
            entries = [tuple(map(int, entry)) for entry in np.argwhere(own)[:_NAMED]]
            shown = ", ".join(str(list(entry)) for entry in entries) if own.ndim else "its operand"
            yield Caution(
                "kink",
                f"{node.name} is at the kink of {node.operation.name}, as far as the precision can tell, in "
                f"{node.operands[0]}: {shown}; any slopes between both sides are right "
                "there, if they give all entries together",
            )


def _without_influence(problem: GraphProblem, submitted: Iterable[str]) -> Iterator[Caution]:
    used = {problem.output}
    for node in problem.upstream_of_output:
        used.update(node.operands)
    found = [key for key in submitted if plain(key) not in used]
    if found:
        yield Caution(
            "no-influence",
            f"the output does not depend on {', '.join(found[:_NAMED])}: the gradient is zero whatever the "
            "code does",
        )
