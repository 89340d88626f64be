"""A graph's submission in, a report out: the recipe of `verifier/pipeline.py` with a graph's own oracles."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from verifier.comparison import Comparison, compare, doubt_in, undecided_where_all_is_zero
from verifier.consensus import Consensus, consult
from verifier.convention import Convention
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.estimate import Answer, Estimate, Uncertainty, with_slopes_of
from verifier.fast_path import accept_if_correct
from verifier.graphs.cautions import cautions, cautions_of_accepted
from verifier.graphs.diagnosis.diagnosing import diagnose
from verifier.graphs.enclosure import enclosed
from verifier.graphs.oracles import GRAPH_ORACLES
from verifier.graphs.outlining import outlined
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.rounding import GraphRounding, rounding
from verifier.graphs.subgradients import cautions_of, judge_jointly
from verifier.graphs.submission import GraphSubmission
from verifier.loss_judging import judge_loss
from verifier.oracle_names import JUDGE
from verifier.oracles import ORACLES
from verifier.parameter_report import report_parameter, report_summary
from verifier.precision import PRECISIONS
from verifier.report import ParameterReport, Report
from verifier.verdict import Verdict, of_whole
from verifier.versions import versions_of


def judge_graph(
    submission: GraphSubmission,
    *,
    oracles: Sequence[str] | None = None,
    whole_arrays: bool = False,
    diagnosis: bool = True,
) -> Report:
    """Judge every gradient that was submitted, and say which parameters' are missing.

    Raises: ValueError naming the known oracles for a name that is none.
    """
    started = perf_counter()
    problem = submission.problem
    honest = rounding(problem, PRECISIONS["float64"])
    narrow, allowed = submission.precision.name != "float64", honest
    if narrow:
        allowed = rounding(problem, submission.precision, independent=True)
    loss = judge_loss(submission, honest, allowed)
    answers = ask(problem, honest, oracles)
    plain = bool(np.isfinite(loss.value)) and not whole_arrays and not allowed.kinks
    accepted = accept_if_correct(problem.asked, submission.gradients, answers, allowed) if plain else None
    mistakes: tuple[Diagnosis, ...] = ()
    wrong: dict[str, bool] = {}
    if narrow and (accepted is None or loss.verdict is Verdict.INCORRECT):
        allowed = rounding(problem, submission.precision)
        loss = judge_loss(submission, honest, allowed)
    if accepted is not None:
        parameters = {
            key: report_summary(key, summary, submission.gradients[key].shape)
            for key, summary in accepted.summaries.items()
        }
        evidence = accepted.evidence
        warnings = tuple(cautions_of_accepted(submission, loss, allowed))
    else:
        consensus = _agree(problem, answers, honest)
        if not np.isfinite(loss.value):  # formulas may have slopes where there is no output
            everything = {name: np.ones_like(own) for name, own in consensus.disputed.items()}
            consensus = replace(consensus, disputed=everything)
        reference = _with_kinks_of(submission, consensus.reference, allowed)
        joint = judge_jointly(problem, allowed.kinks, _compare(submission, reference, allowed, consensus))
        comparisons = joint.comparisons
        parameters, evidence = _report(problem, comparisons, whole_arrays), consensus.evidence
        warnings = (
            *cautions(submission, loss, comparisons, consensus, allowed),
            *cautions_of(joint.outcome),
        )
        wrong = {key: bool(comparison.incorrect.any()) for key, comparison in comparisons.items()}
        if diagnosis and any(wrong.values()):
            mistakes = diagnose(problem, honest.values, comparisons, allowed.allowance)
    return Report(
        verdict=of_whole(parameter.verdict for parameter in parameters.values()),
        loss=loss,
        parameters=parameters,
        warnings=(*submission.cautions, *warnings),
        evidence=evidence,
        versions=versions_of(
            need for own in evidence if own.entries for need in GRAPH_ORACLES[own.oracle].needs
        ),
        seconds=perf_counter() - started,
        name=submission.name,
        precision=submission.precision.name,
        tolerance={
            "preset": submission.tolerance.preset,
            "rtol": submission.tolerance.rtol,
            "atol": submission.tolerance.atol,
        },
        diagnosis=mistakes,
        graph=outlined(submission, honest.values, wrong),
    )


def ask(
    problem: GraphProblem, honest: GraphRounding, oracles: Sequence[str] | None = None
) -> dict[str, Answer]:
    """Put the problem to each oracle. Raises: ValueError naming the known ones for a name that is none."""
    if oracles is None:
        oracles = [name for name, row in GRAPH_ORACLES.items() if row.by_default]
    unknown = [name for name in oracles if name not in {**GRAPH_ORACLES, **ORACLES}]
    if unknown or not oracles:
        found = ", ".join(map(repr, unknown)) or "none"
        raise ValueError(f"expected oracles of graphs among {', '.join(GRAPH_ORACLES)}, got {found}")
    answers = {name: row.gradient(problem, honest) for name, row in GRAPH_ORACLES.items() if name in oracles}
    of_layers = Answer({}, Uncertainty.UNKNOWN, "it knows layers alone; finite_differences moves every entry")
    return answers | {name: of_layers for name in oracles if name not in GRAPH_ORACLES}


def _agree(problem: GraphProblem, answers: dict[str, Answer], honest: GraphRounding) -> Consensus:
    """Hold the oracles against each other; where two contradict each other, let 77 digits settle it."""
    all_shapes = problem.shapes()
    shapes = {key: all_shapes[plain(key)] for key in problem.asked}
    consensus = consult(answers, shapes, judge=JUDGE)
    if not consensus.disputes or JUDGE in answers:
        return consensus
    answers = {JUDGE: GRAPH_ORACLES[JUDGE].gradient(problem, honest), **answers}
    return consult(answers, shapes, judge=JUDGE)


def _with_kinks_of(
    submission: GraphSubmission, reference: Mapping[str, Estimate], allowed: GraphRounding
) -> Mapping[str, Estimate]:
    """Add the slopes that a precision narrower than float64 cannot tell apart."""
    if submission.precision.name == "float64" or not allowed.kinks:
        return reference
    return with_slopes_of(enclosed(submission.problem, allowed.kinks), reference)


def _compare(
    submission: GraphSubmission,
    reference: Mapping[str, Estimate],
    allowed: GraphRounding,
    consensus: Consensus,
) -> dict[str, Comparison]:
    found = {
        key: compare(
            submission.gradients[key],
            reference[key],
            allowed.allowance[key],
            allowed.scale[key],
            consensus.disputed[key],
            submission.tolerance,
            doubt_in(submission.precision),
        )
        for key in submission.problem.asked
        if key in submission.gradients
    }
    return undecided_where_all_is_zero(found)


def _report(
    problem: GraphProblem, comparisons: Mapping[str, Comparison], whole_arrays: bool
) -> dict[str, ParameterReport]:
    shapes, convention = problem.shapes(), Convention()
    return {
        key: report_parameter(key, comparisons[key], convention, whole_arrays)
        if key in comparisons
        else ParameterReport(name=key, shape=shapes[plain(key)], verdict=Verdict.MISSING)
        for key in problem.asked
    }
