"""verify(): a submission in, a report out. It reads as the recipe."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from reference_impl.network import named
from reference_impl.problem import Problem
from verifier.diagnosis.search import diagnose
from verifier.documents.lowering import judge_layers_jointly
from verifier.documents.reading import AnySubmission, read_any_submission
from verifier.engine.enclosure import enclosed
from verifier.engine.estimate import Estimate, with_wider_kinks
from verifier.engine.rounding_allowance import Rounding
from verifier.judging.cache import ProblemCache, ProblemReferences
from verifier.judging.comparison import Comparison, compare, doubt_in, judge_loss, undecided_where_all_is_zero
from verifier.judging.consensus import Consensus, combine_answers
from verifier.judging.fast_path import Accepted, accept_if_correct
from verifier.judging.statistics import report_parameter, report_summary
from verifier.judging.subgradients import subgradient_warnings
from verifier.judging.warnings import collect_warnings, warnings_of_accepted
from verifier.oracles import ORACLES
from verifier.oracles.names import ARBITER
from verifier.pipeline.graphs import judge_graph
from verifier.pipeline.versions import versions_of
from verifier.problem.errors import ReportWarning
from verifier.problem.submission import Submission, to_submitted_layout
from verifier.report.model import Diagnosis, LossReport, ParameterReport, outline_network
from verifier.report.report import Report
from verifier.report.verdict import Verdict, overall_verdict

MAX_ARBITER_WORK = 5_000_000  # multiplications of one forward pass; about 10 s of ball arithmetic


def verify(
    submission: AnySubmission | Mapping[str, Any],
    *,
    oracles: Sequence[str] | None = None,
    entries: str = "worst",
    diagnosis: bool = True,
    cache: ProblemCache | None = None,
) -> Report:
    """Judge a submission, given as `load` gave it or as the contract's document (arrays allowed for lists).

    oracles: names out of ORACLES, for graphs out of GRAPH_ORACLES; by default those that ask little time.
    entries: `worst`, or `all` for the whole arrays beside them.
    diagnosis: whether to search for the mistakes behind a wrong gradient.
    cache: keeps what is true of a problem, for the next answer to it.
    Raises: MalformedSubmission listing every mistake of the document; ValueError for an unknown oracle.
    """
    started = perf_counter()
    if isinstance(submission, Mapping):
        submission = read_any_submission(submission)
    if entries not in ("worst", "all"):
        raise ValueError(f"entries is 'worst' or 'all', got {entries!r}")
    if not isinstance(submission, Submission):
        return judge_graph(submission, oracles=oracles, whole_arrays=entries == "all")
    problem = submission.problem
    expected = ProblemReferences(problem, oracles) if cache is None else cache.of(problem, oracles)
    trace, honest = expected.trace, expected.honest
    allowed = expected.rounding(submission.precision, independent=True)
    loss = judge_loss(submission, honest, allowed)
    if loss.verdict is Verdict.INCORRECT:
        loss = judge_loss(submission, honest, expected.rounding(submission.precision))
    answers = expected.answers
    whole_arrays = entries == "all"
    finite = bool(np.isfinite(loss.value))
    plain = finite and not whole_arrays and not _widened(submission)
    names = [name for name, _ in named(problem.parameters)]
    accepted = accept_if_correct(names, submission.gradients, answers, allowed) if plain else None
    rtol, is_float32 = submission.tolerance.rtol, submission.precision.name == "float32"
    if accepted is not None and is_float32:
        reference = next(answer.gradient for answer in answers.values() if answer.gradient)
        if not expected.float32_errors(reference).explain(submission.gradients, rtol):
            accepted = None
    if accepted is not None:
        parameters, evidence = _report_accepted(submission, accepted), accepted.evidence
        warnings = tuple(warnings_of_accepted(problem, trace, loss.value, accepted.has_zeros))
        mistakes: tuple[Diagnosis, ...] = ()
    else:
        allowed = expected.rounding(submission.precision)
        consensus = _agree(expected)
        if not finite:  # a formula may have slopes where there is no loss: −y/x, for the log of a negative
            everything = {name: np.ones_like(own) for name, own in consensus.disputed.items()}
            consensus = replace(consensus, disputed=everything)
        reference = _with_kinks_of(submission, consensus.reference, allowed)
        comparisons = _compare(submission, reference, allowed, consensus)
        if is_float32 and not any(row.incorrect.any() for row in comparisons.values()):
            comparisons = expected.float32_errors(reference).doubtful(comparisons, rtol)
        at_kinks: tuple[ReportWarning, ...] = ()
        if any(row.subgradient.any() for row in comparisons.values()):
            joint = judge_layers_jointly(submission, allowed.kinks, comparisons)
            comparisons, at_kinks = dict(joint.comparisons), tuple(subgradient_warnings(joint.outcome))
        parameters, evidence = _report_parameters(submission, comparisons, whole_arrays), consensus.evidence
        warnings = (
            *collect_warnings(submission, trace, loss.value, comparisons, consensus, allowed),
            *at_kinks,
        )
        mistakes = ()
        if diagnosis:
            right = {name: estimate.value for name, estimate in reference.items()}
            codes = {caution.code for caution in warnings}
            mistakes = diagnose(problem, trace, comparisons, right, allowed, submission.precision, codes)
    return Report(
        verdict=overall_verdict(parameter.verdict for parameter in parameters.values()),
        loss=loss,
        parameters=parameters,
        warnings=(*submission.cautions, *_of_loss(loss), *warnings),
        evidence=evidence,
        versions=versions_of(need for own in evidence if own.entries for need in ORACLES[own.oracle].needs),
        seconds=perf_counter() - started,
        name=submission.name,
        convention={"weights": submission.convention.weights, "examples": submission.convention.examples},
        precision=submission.precision.name,
        tolerance={
            "preset": submission.tolerance.preset,
            "rtol": submission.tolerance.rtol,
            "atol": submission.tolerance.atol,
        },
        diagnosis=mistakes,
        network=outline_network(problem.network),
    )


def _work(problem: Problem) -> int:
    """Count multiplications of one forward pass."""
    return problem.batch.size * sum(layer.weight.size for layer in problem.parameters)


def _compare(
    submission: Submission, reference: Mapping[str, Estimate], allowed: Rounding, consensus: Consensus
) -> dict[str, Comparison]:
    found = {
        name: compare(
            submitted,
            reference[name],
            allowed.allowance[name],
            allowed.scale[name],
            consensus.disputed[name],
            submission.tolerance,
            doubt_in(submission.precision),
        )
        for name, submitted in submission.gradients.items()
    }
    return undecided_where_all_is_zero(found)


def _agree(expected: ProblemReferences) -> Consensus:
    """Hold the oracles against each other; where two contradict each other, let 77 digits settle it."""
    problem, answers = expected.problem, expected.answers
    shapes = {name: array.shape for name, array in named(problem.parameters)}
    consensus = combine_answers(answers, shapes, judge=ARBITER)
    if not consensus.disputes or ARBITER in answers or _work(problem) > MAX_ARBITER_WORK:
        return consensus
    return combine_answers({ARBITER: expected.arbiter_answer, **answers}, shapes, judge=ARBITER)


def _with_kinks_of(
    submission: Submission, reference: Mapping[str, Estimate], allowed: Rounding
) -> Mapping[str, Estimate]:
    """Add the slopes that a precision narrower than float64 cannot tell apart."""
    if not _widened(submission):
        return reference
    return with_wider_kinks(enclosed(submission.problem, allowed.kinks, submission.precision), reference)


def _widened(submission: Submission) -> bool:
    """Whether the precision is narrower than the reference's, and kinks may so reach farther."""
    problem = submission.problem
    if submission.precision.name == "float64":
        return False
    norms = {penalty.norm for penalty in problem.risk.penalties}
    return "l1" in norms or any(layer.activation.kinks for layer in problem.network.layers)


def _report_parameters(
    submission: Submission, comparisons: Mapping[str, Comparison], whole_arrays: bool
) -> dict[str, ParameterReport]:
    reports: dict[str, ParameterReport] = {}
    for name, array in named(submission.problem.parameters):
        if name in comparisons:
            reports[name] = report_parameter(name, comparisons[name], submission.convention, whole_arrays)
        else:
            shape = tuple(to_submitted_layout(name, array, submission.convention).shape)
            reports[name] = ParameterReport(name=name, shape=shape, verdict=Verdict.MISSING)
    return reports


def _report_accepted(submission: Submission, accepted: Accepted) -> dict[str, ParameterReport]:
    return {
        name: report_summary(
            name,
            summary,
            tuple(to_submitted_layout(name, submission.gradients[name], submission.convention).shape),
        )
        for name, summary in accepted.summaries.items()
    }


def _of_loss(loss: LossReport) -> Iterator[ReportWarning]:
    if loss.verdict is Verdict.INCORRECT:
        yield ReportWarning(
            "another-loss",
            "the reported loss is not the declared one, so the gradients may be right ones of another loss: "
            "compare factor, reductions and penalties with what the report says it is graded under",
        )
