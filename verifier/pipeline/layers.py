"""Judge a submission: verify(), and the recipe for networks of layers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from reference_impl.network import named
from reference_impl.problem import Problem
from verifier.diagnosis.search import diagnose
from verifier.documents.graph import read_graph
from verifier.documents.lowering import graph_document, nodes_at_kinks
from verifier.documents.reading import AnySubmission, read_any_submission
from verifier.engine.enclosure import enclosed
from verifier.engine.estimate import Estimate, with_wider_kinks
from verifier.engine.rounding_allowance import Rounding
from verifier.judging.cache import ProblemCache, ProblemReferences
from verifier.judging.comparison import judge_loss
from verifier.judging.consensus import Consensus, combine_answers
from verifier.judging.fast_path import accept_if_correct
from verifier.judging.subgradients import judge_jointly, subgradient_warnings
from verifier.judging.warnings import collect_warnings, warnings_of_accepted
from verifier.oracles import ARBITER
from verifier.pipeline.graphs import judge_graph
from verifier.pipeline.steps import assemble_report, compare_gradients, report_accepted, report_compared
from verifier.problem.errors import ReportWarning
from verifier.problem.submission import Submission, to_submitted_layout
from verifier.report.model import Diagnosis, LossReport, outline_network
from verifier.report.report import Report
from verifier.report.verdict import Verdict

MAX_ARBITER_WORK = 5_000_000  # multiplications of one forward pass; about 10 s of ball arithmetic


def verify(
    submission: AnySubmission | Mapping[str, Any],
    *,
    oracles: Sequence[str] | None = None,
    entries: str = "worst",
    diagnosis: bool = True,
    cache: ProblemCache | None = None,
) -> Report:
    """Return the report on a submission, as `load` returns it or as a document (with lists or arrays).

    oracles: names of LAYER_ORACLES, for graphs of GRAPH_ORACLES; by default those that take little time.
    entries: `worst`, or `all` to add the whole arrays.
    diagnosis: True to search for the bugs behind incorrect gradients.
    cache: keeps results about a problem for its next submission.
    Raises: MalformedSubmission with all errors of the document; ValueError for an unknown oracle.
    """
    started = perf_counter()
    if isinstance(submission, Mapping):
        submission = read_any_submission(submission)
    if entries not in ("worst", "all"):
        raise ValueError(f"entries is 'worst' or 'all', got {entries!r}")
    if not isinstance(submission, Submission):
        return judge_graph(submission, oracles=oracles, whole_arrays=entries == "all", diagnosis=diagnosis)
    problem = submission.problem
    expected = ProblemReferences(problem, oracles) if cache is None else cache.of(problem, oracles)
    float64_rounding = expected.float64_rounding
    trace = float64_rounding.trace
    rounding_allowance = expected.rounding(submission.precision, independent=True)
    loss = judge_loss(submission, float64_rounding, rounding_allowance)
    if loss.verdict is Verdict.INCORRECT:
        loss = judge_loss(submission, float64_rounding, expected.rounding(submission.precision))
    answers = expected.answers
    whole_arrays = entries == "all"
    finite = bool(np.isfinite(loss.value))
    plain = finite and not whole_arrays and not _widened(submission)
    names = [name for name, _ in named(problem.parameters)]
    accepted = accept_if_correct(names, submission.gradients, answers, rounding_allowance) if plain else None
    rtol, is_float32 = submission.tolerance.rtol, submission.precision.name == "float32"
    if accepted is not None and is_float32:
        reference = next(answer.gradient for answer in answers.values() if answer.gradient)
        if not expected.float32_errors(reference).explain(submission.gradients, rtol):
            accepted = None
    if accepted is not None:
        parameters = report_accepted(accepted, submission.gradients, submission.convention)
        evidence = accepted.evidence
        warnings = tuple(warnings_of_accepted(problem, trace, loss.value, accepted.has_zeros))
        diagnoses: tuple[Diagnosis, ...] = ()
    else:
        rounding_allowance = expected.rounding(submission.precision)
        consensus = _agree(expected)
        if not finite:  # a formula may have slopes where there is no loss: −y/x, for the log of a negative
            everything = {name: np.ones_like(mask) for name, mask in consensus.disputed.items()}
            consensus = replace(consensus, disputed=everything)
        reference = _with_kinks_of(submission, consensus.reference, rounding_allowance)
        comparisons = compare_gradients(
            submission.gradients, submission, reference, rounding_allowance, consensus
        )
        if is_float32 and not any(row.incorrect.any() for row in comparisons.values()):
            comparisons = expected.float32_errors(reference).doubtful(comparisons, rtol)
        at_kinks: tuple[ReportWarning, ...] = ()
        if any(row.subgradient.any() for row in comparisons.values()):
            graph = read_graph(graph_document(submission)).problem
            joint = judge_jointly(graph, nodes_at_kinks(submission, rounding_allowance.kinks), comparisons)
            comparisons, at_kinks = dict(joint.comparisons), tuple(subgradient_warnings(joint.outcome))
        shapes = {
            name: to_submitted_layout(name, array, submission.convention).shape
            for name, array in named(problem.parameters)
        }
        parameters = report_compared(shapes, comparisons, submission.convention, whole_arrays)
        evidence = consensus.evidence
        warnings = (
            *collect_warnings(submission, trace, loss.value, comparisons, consensus, rounding_allowance),
            *at_kinks,
        )
        diagnoses = ()
        if diagnosis:
            right = {name: estimate.value for name, estimate in reference.items()}
            codes = {warning.code for warning in warnings}
            diagnoses = diagnose(
                problem, trace, comparisons, right, rounding_allowance, submission.precision, codes
            )
    return assemble_report(
        submission,
        started,
        loss,
        parameters,
        (*_of_loss(loss), *warnings),
        evidence,
        diagnoses,
        convention={"weights": submission.convention.weights, "examples": submission.convention.examples},
        network=outline_network(problem.network),
    )


def _work(problem: Problem) -> int:
    """Return the number of multiplications of one forward pass."""
    return problem.batch.size * sum(layer.weight.size for layer in problem.parameters)


def _agree(expected: ProblemReferences) -> Consensus:
    """Combine the oracles' answers; where two contradict each other, a 77-digit oracle resolves it."""
    problem, answers = expected.problem, expected.answers
    shapes = {name: array.shape for name, array in named(problem.parameters)}
    consensus = combine_answers(answers, shapes, judge=ARBITER)
    if not consensus.disputes or ARBITER in answers or _work(problem) > MAX_ARBITER_WORK:
        return consensus
    return combine_answers({ARBITER: expected.arbiter_answer, **answers}, shapes, judge=ARBITER)


def _with_kinks_of(
    submission: Submission, reference: Mapping[str, Estimate], rounding_allowance: Rounding
) -> Mapping[str, Estimate]:
    """Add the slopes at kinks that a precision narrower than float64 cannot resolve."""
    if not _widened(submission):
        return reference
    return with_wider_kinks(
        enclosed(submission.problem, rounding_allowance.kinks, submission.precision), reference
    )


def _widened(submission: Submission) -> bool:
    """True if the precision is narrower than float64 and the problem has kinks."""
    problem = submission.problem
    if submission.precision.name == "float64":
        return False
    norms = {penalty.norm for penalty in problem.risk.penalties}
    return "l1" in norms or any(layer.activation.kinks for layer in problem.network.layers)


def _of_loss(loss: LossReport) -> Iterator[ReportWarning]:
    if loss.verdict is Verdict.INCORRECT:
        yield ReportWarning(
            "another-loss",
            "the reported loss is not the declared one, so the gradients may be right ones of another loss: "
            "compare factor, reductions and penalties with what the report says it is graded under",
        )
