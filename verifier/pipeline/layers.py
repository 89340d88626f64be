"""Judge a submission: verify(), and the recipe for networks of layers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from reference_impl.problem import Problem
from verifier.diagnosis.search import diagnose
from verifier.documents.graph import read_graph
from verifier.documents.importers.common import ImportRefused
from verifier.documents.lowering import graph_document, nodes_at_kinks
from verifier.documents.sources import submission_of
from verifier.documents.typed import ArrayLike, Arrays
from verifier.engine.enclosure import enclosed
from verifier.engine.estimate import Estimate, with_wider_kinks
from verifier.engine.rounding_allowance import Rounding
from verifier.judging.cache import ProblemCache, ProblemReferences
from verifier.judging.comparison import judge_loss
from verifier.judging.consensus import Consensus, combine_answers
from verifier.judging.fast_path import accept_if_correct
from verifier.judging.subgradients import judge_jointly, subgradient_warnings
from verifier.judging.traps import setting_traps
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
    submission: Any,
    *,
    loss: str | Mapping[str, Any] | None = None,
    inputs: ArrayLike = None,
    targets: ArrayLike = None,
    parameters: Arrays | None = None,
    gradients: Arrays | Sequence[ArrayLike] | None = None,
    masks: Arrays | None = None,
    precision: str | None = None,
    reported_loss: float | None = None,
    tolerance: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
    name: str | None = None,
    oracles: Sequence[str] | None = None,
    entries: str = "worst",
    diagnosis: bool = True,
    cache: ProblemCache | None = None,
) -> Report:
    """Return the report on a submission.

    Parameters
    ----------
    submission : mapping, path, Submission, npz, list of layers, module or tensor
        A document (with lists or arrays), the path of its file, or what `load` returns. A list of layers
        needs the other fields beside it. A `torch.nn.Module` needs loss, inputs and targets, and its
        gradients are in `.grad`; the final tensor of PyTorch or edugrad needs nothing.
    loss, inputs, targets, parameters, gradients, masks, precision, reported_loss, tolerance, name : optional
        Fields of the document, in place of its own.
    names : mapping of str to str, optional
        Known names by the document's: {"W1": "layers.0.weight"}. Common names need none.
    oracles : sequence of str, optional
        Names of LAYER_ORACLES, for graphs of GRAPH_ORACLES; by default those that take little time.
    entries : str
        `worst`, or `all` to add the whole arrays.
    diagnosis : bool
        True to search for the bugs behind incorrect gradients.
    cache : ProblemCache, optional
        Keeps results about a problem for its next submission.

    Returns
    -------
    Report
        True only if its verdict is `correct`.

    Raises
    ------
    MalformedSubmission
        If the document is invalid. `errors` has all errors, each with its JSON pointer.
    OSError
        If the file cannot be read.
    ValueError
        For an unknown oracle.

    Examples
    --------
    >>> assert verify("homework.json")
    >>> report = verify(model, loss="torch.mse", inputs=x, targets=y)
    """
    started = perf_counter()
    fields = {
        "loss": loss,
        "inputs": inputs,
        "targets": targets,
        "parameters": parameters,
        "gradients": gradients,
        "masks": masks,
        "precision": precision,
        "reported_loss": reported_loss,
        "tolerance": tolerance,
        "names": names,
        "name": name,
    }
    try:
        claim = submission_of(submission, fields)
    except ImportRefused as refusal:
        raise refusal.with_traceback(None) from None  # the message says all that a caller can use
    if entries not in ("worst", "all"):
        raise ValueError(f"entries is 'worst' or 'all', got {entries!r}")
    whole_arrays = entries == "all"
    if not isinstance(claim, Submission):
        return judge_graph(claim, oracles=oracles, whole_arrays=whole_arrays, diagnosis=diagnosis)
    problem = claim.problem
    references = ProblemReferences(problem, oracles) if cache is None else cache.of(problem, oracles)
    return _judge_layers(claim, references, started, whole_arrays, diagnosis)


def _judge_layers(
    submission: Submission,
    expected: ProblemReferences,
    started: float,
    whole_arrays: bool,
    diagnosis: bool,
) -> Report:
    """Return the report on a submission of layers. started: `perf_counter()` at the start of the check."""
    problem = submission.problem
    float64_rounding = expected.float64_rounding
    trace = float64_rounding.trace
    rounding_allowance = expected.rounding(submission.precision, independent=True)
    loss = judge_loss(submission, float64_rounding, rounding_allowance)
    if loss.verdict is Verdict.INCORRECT:
        loss = judge_loss(submission, float64_rounding, expected.rounding(submission.precision))
    answers = expected.answers
    finite = bool(np.isfinite(loss.value))
    plain = finite and not whole_arrays and not _widened(submission)
    names = list(problem.arrays)
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
            kinks = nodes_at_kinks(submission, rounding_allowance.kinks, rounding_allowance.loss_kinks)
            joint = judge_jointly(graph, kinks, comparisons)
            comparisons, at_kinks = dict(joint.comparisons), tuple(subgradient_warnings(joint.outcome))
        shapes = {
            name: to_submitted_layout(name, array, submission.convention).shape
            for name, array in problem.arrays.items()
        }
        parameters = report_compared(shapes, comparisons, submission.convention, whole_arrays)
        evidence = consensus.evidence
        warnings = (
            *collect_warnings(submission, trace, loss.value, comparisons, consensus, rounding_allowance),
            *setting_traps(problem),
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
    shapes = {name: array.shape for name, array in problem.arrays.items()}
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
        enclosed(
            submission.problem,
            rounding_allowance.kinks,
            submission.precision,
            loss_kinks=rounding_allowance.loss_kinks,
        ),
        reference,
    )


def _widened(submission: Submission) -> bool:
    """True if the precision is narrower than float64 and the problem has kinks."""
    problem = submission.problem
    if submission.precision.name == "float64":
        return False
    norms = {penalty.norm for penalty in problem.risk.penalties}
    layers = problem.network.layers
    return (
        "l1" in norms
        or problem.terms.kink_distance is not None
        or any(row.activation.kinks for row in layers)
    )


def _of_loss(loss: LossReport) -> Iterator[ReportWarning]:
    if loss.verdict is Verdict.INCORRECT:
        yield ReportWarning(
            "another-loss",
            "the reported loss is not the declared one, so the gradients may be right ones of another loss: "
            "compare factor, reductions and penalties with what the report says it is graded under",
        )
