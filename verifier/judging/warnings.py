"""Collect the warnings of a report, of layers and of graphs."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.engine.autodiff import reached_kinks
from verifier.engine.enclosure import enclosed_kinks
from verifier.engine.graph_rounding import GraphRounding
from verifier.engine.rounding_allowance import Rounding
from verifier.judging.comparison import Comparison
from verifier.judging.consensus import Consensus
from verifier.judging.informativeness import format_indices, uninformative_warnings
from verifier.judging.provenance import detect_numerical_provenance
from verifier.problem.errors import ReportWarning
from verifier.problem.graph import GraphProblem, first_breaks, node_name, place
from verifier.problem.submission import GraphSubmission, Submission
from verifier.report.model import LossReport
from verifier.report.verdict import Verdict

_KINKS_NAMED = 10
_SUM_OF_TARGETS = 1e-6  # distance of a row's sum from 1, more than its rounding in float32


def collect_warnings(
    submission: Submission,
    trace: Trace,
    loss: float,
    comparisons: Mapping[str, Comparison],
    consensus: Consensus,
    rounding_allowance: Rounding,
) -> Iterator[ReportWarning]:
    """Yield the report's warnings, without those from reading the document."""
    problem = submission.problem
    yield from _of_forward_pass(problem, trace, loss)
    yield from target_warnings(problem)
    yield from of_undecided(comparisons)
    yield from of_disputes(consensus)
    if any(comparison.subgradient.any() for comparison in comparisons.values()):
        yield from _kinks(problem, rounding_allowance)
    provenance = detect_numerical_provenance(
        problem, trace, comparisons, rounding_allowance.scale, submission.precision
    )
    if provenance is not None:
        yield provenance
    uninformative = any(comparison.uninformative.any() for comparison in comparisons.values())
    yield from _of_entries_at_zero(problem, trace, uninformative)


def warnings_of_accepted(
    problem: Problem, trace: Trace, loss: float, uninformative: bool
) -> Iterator[ReportWarning]:
    """Yield the warnings of a submission whose entries are all correct to rounding."""
    yield from _of_forward_pass(problem, trace, loss)
    yield from target_warnings(problem)
    yield from _of_entries_at_zero(problem, trace, uninformative)


def _of_entries_at_zero(problem: Problem, trace: Trace, uninformative: bool) -> Iterator[ReportWarning]:
    if uninformative or problem.batch.size == 1:
        yield from uninformative_warnings(problem, trace)


def _of_forward_pass(problem: Problem, trace: Trace, loss: float) -> Iterator[ReportWarning]:
    for index, (a, z) in enumerate(zip(trace.a, trace.z[1:], strict=True)):
        if not (np.isfinite(a).all() and (z is a or np.isfinite(z).all())):
            yield ReportWarning(
                "overflow",
                f"numbers overflow float64 in the forward pass from layer {index} on; "
                "nothing that depends on them can be judged, use smaller parameters or inputs",
                layer=index,
            )
            break
    if not np.isfinite(loss):
        yield ReportWarning(
            "loss-not-finite",
            "the loss of this problem is not a finite number, so it has no gradient to compare with"
            + _why_not_finite(problem, trace),
        )


def _why_not_finite(problem: Problem, trace: Trace) -> str:
    """Return the first term of the loss that is not finite: its example, its output and the reason."""
    risk, outputs, targets = problem.risk, trace.outputs, problem.batch.targets
    with np.errstate(all="ignore"):
        terms = risk.loss.on[risk.on].value(outputs, targets)
    wrong = np.argwhere(~np.isfinite(terms))
    if not wrong.size:
        return ": every term is finite, and their sum, or a penalty, overflows"
    example, output = map(int, wrong[0])
    value = outputs[example, output]
    reason = "where the loss overflows"
    if risk.on == "probabilities" and np.isfinite(value):
        within = "a probability of exactly" if 0 <= value <= 1 else "outside of [0, 1]:"
        reason = f"{within} {value:g}, whose logarithm the loss takes"
        if 0 <= value <= 1:
            reason = f"which is {reason}"
    elif not np.isfinite(value):
        reason = f"which is {value:g}"
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    target = targets[example, output]
    return (
        f": the first such term is of example {example}, output {output} (target {target:g}), {reason}{more}"
    )


def target_warnings(problem: Problem) -> Iterator[ReportWarning]:
    """Yield a warning for targets of a cross entropy that are no probabilities of the classes."""
    if problem.risk.loss.name != "cross_entropy" or problem.risk.weighting is not None:
        return
    totals = problem.batch.targets.sum(axis=-1)
    others = np.flatnonzero(np.abs(totals - 1.0) > _SUM_OF_TARGETS)
    if others.size:
        example = int(others[0])
        yield ReportWarning(
            "targets-not-summing-to-one",
            f"the targets of {others.size} of {totals.size} examples do not sum to 1 (example {example}: "
            f"{totals[example]:g}), so the derivative of the cross entropy after softmax is not p - y but "
            "(the sum of the targets) times p, minus y",
        )


def of_undecided(comparisons: Mapping[str, Comparison]) -> Iterator[ReportWarning]:
    """Yield a warning for the entries that could not be judged, with the reason."""
    yield from _of_entries(
        "uncertain-reference",
        {name: c.vague for name, c in comparisons.items()},
        "the true gradient is not known well enough to judge {}: they overflow, or rounding could change "
        "them by more than the tolerance",
    )
    if comparisons and all(c.uninformative.all() and c.undecided.all() for c in comparisons.values()):
        yield ReportWarning(
            "no-gradient",
            "the true gradient of every parameter is zero here, so zeros would pass whatever the code does; "
            "use other parameters, inputs or targets",
        )
    yield from _of_entries(
        "near-rounding",
        {name: c.doubtful for name, c in comparisons.items()},
        "{} differ from the true gradient by more than rounding in this precision usually costs; compute in "
        "float64 to decide",
    )
    yield from _of_entries(
        "relative-tolerance",
        {name: c.excused & ~c.by_atol for name, c in comparisons.items()},
        "only rtol would pass {}, and it would pass 0 there as well; use a smaller rtol, or strict",
    )
    yield from _of_entries(
        "additive-tolerance",
        {name: c.by_atol for name, c in comparisons.items()},
        "only atol would pass {}, and it would pass 0 there as well; use rtol, or a smaller atol",
    )


def _of_entries(code: str, entries: Mapping[str, Array], detail: str) -> Iterator[ReportWarning]:
    counts = {name: int(which.sum()) for name, which in entries.items() if which.any()}
    if counts:
        yield ReportWarning(code, detail.format(_counted(counts)))


def of_disputes(consensus: Consensus) -> Iterator[ReportWarning]:
    """Name oracles that contradict each other, and what came of it."""
    for dispute in consensus.disputes:
        resolved = not consensus.disputed[dispute.parameter].any()
        outcome = (
            "high precision settled it" if resolved else "these entries are undecided, and nobody is blamed"
        )
        yield ReportWarning(
            "oracles-disagree",
            f"{dispute.first} and {dispute.second} contradict each other beyond both their errors in "
            f"{dispute.entries} of {dispute.parameter}, most at {list(dispute.worst)}; {outcome}",
        )


def _kinks(problem: Problem, rounding_allowance: Rounding) -> Iterator[ReportWarning]:
    """Name units and examples at a kink, as exactly as the submission's precision can tell."""
    by_layer, of_loss = enclosed_kinks(problem)
    for index, (reached, near) in enumerate(zip(by_layer, rounding_allowance.kinks, strict=True)):
        places = np.argwhere(reached | near)
        if places.size == 0:
            continue
        units = tuple(sorted({int(unit) for _, unit in places}))
        shown = _shown_places(places)
        name = problem.network.layers[index].activation.name
        yield ReportWarning(
            "kink",
            f"layer {index} is at the kink of {name}, as far as the precision can tell: {shown}; "
            "any slopes between both sides are right there, if they give all entries together",
            layer=index,
            units=units,
        )
    places = np.argwhere(of_loss | rounding_allowance.loss_kinks)
    if places.size:
        yield ReportWarning(
            "kink",
            f"the loss is at a kink of {problem.risk.loss.name}, as far as the precision can tell: "
            f"{_shown_places(places)}; any slopes between both sides are right there, if they give all "
            "entries together",
            layer=len(problem.network.layers) - 1,
            units=tuple(sorted({int(unit) for _, unit in places})),
        )
    for penalty in problem.risk.penalties:
        if penalty.norm == "l1":
            zeros = [i for i, layer in enumerate(problem.parameters) if (layer.weight == 0).any()]
            if zeros:
                layers = format_indices(tuple(zeros), "layer", "layers")
                yield ReportWarning(
                    "kink",
                    f"weights of {layers} are exactly 0, the kink of "
                    "the l1 penalty: any slopes between both sides are right there",
                    layer=zeros[0],
                )


def _shown_places(places: Array) -> str:
    shown = ", ".join(f"unit {unit} in example {example}" for example, unit in places[:_KINKS_NAMED])
    return shown + (f" and {len(places) - _KINKS_NAMED} more" if len(places) > _KINKS_NAMED else "")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count} {'entry' if count == 1 else 'entries'} of {name}" for name, count in counts.items()
    )


_MAX_NAMES = 10


def collect_graph_warnings(
    submission: GraphSubmission,
    loss: LossReport,
    comparisons: Mapping[str, Comparison],
    consensus: Consensus,
    rounding_allowance: GraphRounding,
) -> Iterator[ReportWarning]:
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


def graph_warnings_of_accepted(
    submission: GraphSubmission, loss: LossReport, rounding_allowance: GraphRounding
) -> Iterator[ReportWarning]:
    """Yield the warnings that a submission without wrong or doubtful entries may have."""
    yield from _loss_warnings(loss)
    yield from _overflow_warnings(submission.problem, rounding_allowance, loss)
    submitted = [key for key in submission.problem.requested if key in submission.gradients]
    yield from _influence_warnings(submission.problem, submitted)


def _loss_warnings(loss: LossReport) -> Iterator[ReportWarning]:
    if loss.verdict is Verdict.INCORRECT:
        yield ReportWarning(
            "another-loss",
            "the reported loss is not the value of the output, so the gradients may be right ones of another "
            "graph: compare the values of the nodes",
        )


def _overflow_warnings(
    problem: GraphProblem, rounding_allowance: GraphRounding, loss: LossReport
) -> Iterator[ReportWarning]:
    finite = all(np.isfinite(whole).all() for whole in rounding_allowance.values.wholes())
    for node in problem.nodes if not finite else ():
        if not np.isfinite(rounding_allowance.values[node.name]).all():
            yield ReportWarning(
                "overflow",
                f"the value of {node.name} ({node.operation.name}) is not finite; nothing that depends on it "
                "can be judged, use other numbers",
            )
            break
    if not np.isfinite(loss.value):
        yield ReportWarning(
            "loss-not-finite",
            "the output of this graph is not a finite number, so it has no gradient to compare with",
        )


def _chain_warnings(problem: GraphProblem, comparisons: Mapping[str, Comparison]) -> Iterator[ReportWarning]:
    wrong = {key: bool(comparison.incorrect.any()) for key, comparison in comparisons.items()}
    if any(wrong.values()) and (breaks := first_breaks(problem, wrong)):
        names = ", ".join(place(problem, key) for key in breaks[:_MAX_NAMES])
        rest = f" and {len(breaks) - _MAX_NAMES} more" if len(breaks) > _MAX_NAMES else ""
        yield ReportWarning(
            "chain-breaks",
            f"from the output back, the first wrong gradient{' is' if len(breaks) == 1 else 's are'} "
            f"{names}{rest}: all submitted gradients behind {'it' if len(breaks) == 1 else 'them'} are right",
        )


def _kink_warnings(problem: GraphProblem, rounding_allowance: GraphRounding) -> Iterator[ReportWarning]:
    reached = reached_kinks(rounding_allowance.values, lambda values: (values, np.zeros(values.shape)))
    for node in problem.nodes:
        mask = reached.get(node.name, rounding_allowance.kinks.get(node.name))
        if mask is not None:
            mask = mask | rounding_allowance.kinks.get(node.name, mask)
            entries = [tuple(map(int, entry)) for entry in np.argwhere(mask)[:_MAX_NAMES]]
            shown = ", ".join(str(list(entry)) for entry in entries) if mask.ndim else "its operand"
            yield ReportWarning(
                "kink",
                f"{node.name} is at the kink of {node.operation.name}, as far as the precision can tell, in "
                f"{node.operands[0]}: {shown}; any slopes between both sides are right "
                "there, if they give all entries together",
            )


def _influence_warnings(problem: GraphProblem, submitted: Iterable[str]) -> Iterator[ReportWarning]:
    influential = {problem.output}
    for node in problem.upstream_of_output:
        influential.update(node.operands)
    unused = [key for key in submitted if node_name(key) not in influential]
    if unused:
        yield ReportWarning(
            "no-influence",
            f"the output does not depend on {', '.join(unused[:_MAX_NAMES])}: the gradient is zero "
            "whatever the code does",
        )
