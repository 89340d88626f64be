"""Judge a graph's submission: the steps of `verifier/pipeline/layers.py` with the oracles of graphs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.graph_layers import diagnose_layers, layers_of
from verifier.diagnosis.graph_search import diagnose_graph
from verifier.engine.enclosure import enclosed_graph
from verifier.engine.estimate import Answer, Estimate, with_wider_kinks
from verifier.engine.graph_rounding import GraphRounding, rounding
from verifier.judging.comparison import UNDERFLOW_ONLY, Comparison, decisive_error, judge_loss
from verifier.judging.consensus import Consensus, combine_answers
from verifier.judging.fast_path import accept_if_correct
from verifier.judging.subgradients import judge_jointly, subgradient_warnings
from verifier.judging.warnings import collect_graph_warnings, graph_warnings_of_accepted
from verifier.oracles import ARBITER, answer_of, ask
from verifier.pipeline.outline import outline_graph
from verifier.pipeline.steps import assemble_report, compare_gradients, report_accepted, report_compared
from verifier.problem.graph import GraphProblem, node_name
from verifier.problem.precision import PRECISIONS
from verifier.problem.submission import Convention, GraphSubmission
from verifier.report.model import UNEXPLAINED_ID, Diagnosis
from verifier.report.report import Report
from verifier.report.verdict import Verdict


def judge_graph(
    submission: GraphSubmission,
    *,
    oracles: Sequence[str] | None = None,
    whole_arrays: bool = False,
    diagnosis: bool = True,
) -> Report:
    """Return the report on a submission: every submitted gradient is judged, missing ones are listed.

    Raises: ValueError naming the known oracles for an unknown name.
    """
    started = perf_counter()
    problem = submission.problem
    float64_rounding = rounding(problem, PRECISIONS["float64"])
    narrow, rounding_allowance = submission.precision.name != "float64", float64_rounding
    if narrow:
        rounding_allowance = rounding(problem, submission.precision, independent=True)
    loss = judge_loss(submission, float64_rounding, rounding_allowance)
    answers = ask(problem, float64_rounding, oracles)
    is_plain = bool(np.isfinite(loss.value)) and not whole_arrays and not rounding_allowance.kinks
    accepted = None
    if is_plain:
        accepted = accept_if_correct(problem.requested, submission.gradients, answers, rounding_allowance)
    diagnoses: tuple[Diagnosis, ...] = ()
    wrong: dict[str, bool] = {}
    if narrow and (accepted is None or loss.verdict is Verdict.INCORRECT):
        rounding_allowance = rounding(problem, submission.precision)
        loss = judge_loss(submission, float64_rounding, rounding_allowance)
    if accepted is not None:
        parameters = report_accepted(accepted, submission.gradients, Convention())
        evidence = accepted.evidence
        warnings = tuple(graph_warnings_of_accepted(submission, loss, rounding_allowance))
    else:
        consensus = _agree(problem, answers, float64_rounding)
        if not np.isfinite(loss.value):  # formulas may have slopes where the output is not finite
            everything = {name: np.ones_like(mask) for name, mask in consensus.disputed.items()}
            consensus = replace(consensus, disputed=everything)
        reference = _with_kinks_of(submission, consensus.reference, rounding_allowance)
        names = [key for key in problem.requested if key in submission.gradients]
        compared = compare_gradients(names, submission, reference, rounding_allowance, consensus)
        joint = judge_jointly(problem, rounding_allowance.kinks, compared)
        comparisons = joint.comparisons
        parameters = report_compared(_shapes(problem), comparisons, Convention(), whole_arrays)
        evidence = consensus.evidence
        warnings = (
            *collect_graph_warnings(submission, loss, comparisons, consensus, rounding_allowance),
            *subgradient_warnings(joint.outcome),
        )
        wrong = {key: bool(comparison.incorrect.any()) for key, comparison in comparisons.items()}
        if diagnosis and any(wrong.values()):
            right = {key: estimate.value for key, estimate in reference.items()}
            codes = {warning.code for warning in warnings}
            diagnoses = _diagnose(submission, float64_rounding, comparisons, right, rounding_allowance, codes)
    return assemble_report(
        submission,
        started,
        loss,
        parameters,
        warnings,
        evidence,
        diagnoses,
        graph=outline_graph(submission, float64_rounding.values, wrong),
    )


def _diagnose(
    submission: GraphSubmission,
    float64_rounding: GraphRounding,
    comparisons: Mapping[str, Comparison],
    right: Mapping[str, Array],
    rounding_allowance: GraphRounding,
    warnings: Collection[str],
) -> tuple[Diagnosis, ...]:
    """Return the bugs that the search for layers finds, if the graph is layers, or that of single rules."""
    problem, of_layers = submission.problem, tuple[Diagnosis, ...]()
    layers = layers_of(problem) if comparisons.keys() <= problem.parameters.keys() else None
    if layers is not None:
        of_layers = diagnose_layers(
            layers, comparisons, right, float64_rounding.risk, submission.precision, warnings
        )
    if of_layers and all(row.bug != UNEXPLAINED_ID for row in of_layers):
        return of_layers
    rows = diagnose_graph(problem, float64_rounding.values, comparisons, rounding_allowance.allowance)
    is_simpler = _unexplained(of_layers) < _unexplained(rows)
    return of_layers if of_layers and is_simpler else rows


def _unexplained(rows: Sequence[Diagnosis]) -> int:
    return sum(row.bug == UNEXPLAINED_ID for row in rows)


def _agree(problem: GraphProblem, answers: dict[str, Answer], float64_rounding: GraphRounding) -> Consensus:
    """Combine the oracles' answers; where two contradict each other, a 77-digit oracle resolves it."""
    shapes = _shapes(problem)
    consensus = combine_answers(answers, shapes, judge=ARBITER)
    if consensus.disputes and ARBITER not in answers:
        answers = {ARBITER: answer_of(ARBITER, problem, float64_rounding), **answers}
        consensus = combine_answers(answers, shapes, judge=ARBITER)
    return _with_sharper(consensus, answers, float64_rounding)


@np.errstate(all="ignore")
def _with_sharper(
    consensus: Consensus, answers: Mapping[str, Answer], float64_rounding: GraphRounding
) -> Consensus:
    """Return the consensus with sharper estimates, where the reference is too vague to decide anything.

    An enclosure widens with every normalisation and every product, so in deep networks it decides little.
    """
    reference = dict(consensus.reference)
    for name, estimate in consensus.reference.items():
        scale = float64_rounding.scale[name]
        enough = decisive_error(scale, float64_rounding.allowance[name])
        vague = (estimate.error > enough) & (
            estimate.error > UNDERFLOW_ONLY * max(1.0, float(scale.max(initial=0.0)))
        )
        if estimate.subgradient_radius is not None:
            vague &= estimate.subgradient_radius == 0
        value, error = estimate.value, estimate.error
        for answer in answers.values():
            if name in answer.gradient and vague.any():
                other = answer.gradient[name]
                sharper = vague & (other.error <= enough)
                value, error = np.where(sharper, other.value, value), np.where(sharper, other.error, error)
                vague &= ~sharper
        reference[name] = replace(estimate, value=value, error=error)
    return replace(consensus, reference=reference)


def _with_kinks_of(
    submission: GraphSubmission, reference: Mapping[str, Estimate], rounding_allowance: GraphRounding
) -> Mapping[str, Estimate]:
    """Add the slopes at kinks that a precision narrower than float64 cannot resolve."""
    if submission.precision.name == "float64" or not rounding_allowance.kinks:
        return reference
    return with_wider_kinks(enclosed_graph(submission.problem, rounding_allowance.kinks), reference)


def _shapes(problem: GraphProblem) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all gradients to check."""
    shapes = problem.shapes()
    return {key: shapes[node_name(key)] for key in problem.requested}
