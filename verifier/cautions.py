"""Everything worth knowing beside the verdict, in the order in which a reader wants it."""

from collections.abc import Iterator, Mapping

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.caution import Caution
from verifier.comparison import Comparison
from verifier.consensus import Consensus
from verifier.enclosure.gradient import enclose_forward, reached_kinks
from verifier.informativeness import named_indices, uninformative_parts
from verifier.provenance import notice_provenance
from verifier.rounding import Rounding
from verifier.submission import Submission

_KINKS_NAMED = 10


def cautions(
    submission: Submission,
    trace: Trace,
    loss: float,
    comparisons: Mapping[str, Comparison],
    consensus: Consensus,
    allowed: Rounding,
) -> Iterator[Caution]:
    """Give the report's warnings but those that reading the document already gave."""
    problem = submission.problem
    yield from _of_forward_pass(trace, loss)
    yield from of_undecided(comparisons)
    yield from of_disputes(consensus)
    if any(comparison.subgradient.any() for comparison in comparisons.values()):
        yield from _kinks(problem, allowed)
    provenance = notice_provenance(problem, trace, comparisons, allowed.scale, submission.precision)
    if provenance is not None:
        yield provenance
    uninformative = any(comparison.uninformative.any() for comparison in comparisons.values())
    yield from _of_entries_at_zero(problem, trace, uninformative)


def cautions_of_accepted(
    problem: Problem, trace: Trace, loss: float, uninformative: bool
) -> Iterator[Caution]:
    """Give the same of a submission that is correct to rounding throughout."""
    yield from _of_forward_pass(trace, loss)
    yield from _of_entries_at_zero(problem, trace, uninformative)


def _of_entries_at_zero(problem: Problem, trace: Trace, uninformative: bool) -> Iterator[Caution]:
    if uninformative or problem.batch.size == 1:
        yield from uninformative_parts(problem, trace)


def _of_forward_pass(trace: Trace, loss: float) -> Iterator[Caution]:
    for index, (a, z) in enumerate(zip(trace.a, trace.z[1:], strict=True)):
        if not (np.isfinite(a).all() and (z is a or np.isfinite(z).all())):
            yield Caution(
                "overflow",
                f"numbers overflow float64 in the forward pass from layer {index} on; "
                "nothing that depends on them can be judged, use smaller parameters or inputs",
                layer=index,
            )
            break
    if not np.isfinite(loss):
        yield Caution(
            "loss-not-finite",
            "the loss of this problem is not a finite number, so it has no gradient to compare with",
        )


def of_undecided(comparisons: Mapping[str, Comparison]) -> Iterator[Caution]:
    """Say what could not be judged, and why."""
    yield from _of_entries(
        "uncertain-reference",
        {name: c.vague for name, c in comparisons.items()},
        "the true gradient is not known well enough to judge {}: they overflow, or rounding could change "
        "them by more than the tolerance",
    )
    if comparisons and all(c.uninformative.all() and c.undecided.all() for c in comparisons.values()):
        yield Caution(
            "no-gradient",
            "the true gradient of every parameter is zero here, so zeros would pass whatever the code does; "
            "use other parameters, inputs or targets",
        )
    yield from _of_entries(
        "near-rounding",
        {name: c.doubtful for name, c in comparisons.items()},
        "{} differ from the true gradient by a little more than rounding in this precision is estimated to "
        "cost; compute in float64 to decide",
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


def _of_entries(code: str, entries: Mapping[str, Array], detail: str) -> Iterator[Caution]:
    counts = {name: int(which.sum()) for name, which in entries.items() if which.any()}
    if counts:
        yield Caution(code, detail.format(_counted(counts)))


def of_disputes(consensus: Consensus) -> Iterator[Caution]:
    """Name oracles that contradict each other, and what came of it."""
    for dispute in consensus.disputes:
        settled = not consensus.disputed[dispute.parameter].any()
        outcome = (
            "high precision settled it" if settled else "these entries are undecided, and nobody is blamed"
        )
        yield Caution(
            "oracles-disagree",
            f"{dispute.first} and {dispute.second} contradict each other beyond both their errors in "
            f"{dispute.entries} of {dispute.parameter}, most at {list(dispute.worst)}; {outcome}",
        )


def _kinks(problem: Problem, allowed: Rounding) -> Iterator[Caution]:
    """Name units and examples at a kink, as exactly as the submission's precision can tell."""
    a, _ = enclose_forward(problem)
    for index, (reached, near) in enumerate(zip(reached_kinks(problem, a), allowed.kinks, strict=True)):
        places = np.argwhere(reached | near)
        if places.size == 0:
            continue
        units = tuple(sorted({int(unit) for _, unit in places}))
        shown = ", ".join(f"unit {unit} in example {example}" for example, unit in places[:_KINKS_NAMED])
        more = f" and {len(places) - _KINKS_NAMED} more" if len(places) > _KINKS_NAMED else ""
        name = problem.network.layers[index].activation.name
        yield Caution(
            "kink",
            f"layer {index} is at the kink of {name}, as far as the precision can tell: {shown}{more}; "
            "any slopes between both sides are right there, if they give all entries together",
            layer=index,
            units=units,
        )
    for penalty in problem.risk.penalties:
        if penalty.norm == "l1":
            zeros = [i for i, layer in enumerate(problem.parameters) if (layer.weight == 0).any()]
            if zeros:
                yield Caution(
                    "kink",
                    f"weights of {named_indices(tuple(zeros), 'layer', 'layers')} are exactly 0, the kink of "
                    "the l1 penalty: any slopes between both sides are right there",
                    layer=zeros[0],
                )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count} {'entry' if count == 1 else 'entries'} of {name}" for name, count in counts.items()
    )
