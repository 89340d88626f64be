"""Check a backward function for layered networks on generated problems."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from traceback import extract_tb
from typing import Any

from reference_impl.problem import Problem
from verifier.diagnosis.random_problem import informative_parameters
from verifier.documents.json import to_json
from verifier.documents.writing import arrays_to_lists
from verifier.problem.errors import ErrorCollector, describe
from verifier.problem.loss import read_loss
from verifier.problem.submission import Convention
from verifier.report import wording
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.testing.backward_function import (
    Backward,
    BackwardConventions,
    bugs_named,
    call,
    document_for,
    is_wrong,
    judge,
    judge_unless_raised,
)
from verifier.testing.problem_search import (
    ProblemSpace,
    first_failure,
    largest,
    parameters_of,
    smallest_failure,
    smallest_with_names,
)

_ATTEMPTS = 8  # draws of informative parameters for the diagnosis
_LONGEST_REPLAY = 2000  # characters


@dataclass(frozen=True, slots=True)
class Failure:
    """Failure of a backward function.

    name: name of the function.
    problem: smallest problem with a wrong gradient.
    raised: exception of the function on this problem, as text.
    report: report on this problem.
    diagnosed: report on a larger problem that names other bugs; None if both name the same.
    replay: JSON text of the smallest problem as a submission; empty if there are no gradients or if it is
        too long.
    """

    name: str
    problem: Problem
    raised: str | None
    report: Report | None
    diagnosed: Report | None
    replay: str


def check_backward(
    backward: Backward,
    *,
    loss: Any = "mse",
    hidden: str | Sequence[str] = "tanh",
    output: str = "identity",
    bias: bool = True,
    weights: str = "in_out",
    examples: str = "rows",
    classes: bool = False,
    least_layers: int = 1,
    most_layers: int = 3,
    widest: int = 4,
    most_examples: int = 4,
    outputs: int | None = None,
    problems: int = 100,
) -> Failure | None:
    """Check a backward function on generated problems.

    Parameters
    ----------
    backward : callable
        Function of (parameters, inputs, targets) or of (layers, parameters, inputs, targets) that returns
        gradients by parameter.
    loss : optional
        Loss as in a submission.
    hidden, output : str or sequence of str
        Activations of the hidden layers and of the last layer.
    bias : bool
        True if the layers have biases.
    weights, examples : str
        Layout of the weights and axis of the examples that the function expects and returns.
    classes : bool
        True if the targets are class indices.
    least_layers, most_layers, widest, most_examples, outputs : int
        Bounds on the generated problems. least_layers is 2 for a function that requires a hidden layer.
    problems : int
        Number of problems.

    Returns
    -------
    Failure or None
        Failure on the smallest network with a wrong gradient; None if all gradients are correct.

    Raises
    ------
    MalformedSubmission
        If the loss is invalid.

    Examples
    --------
    >>> failure = check_backward(my_backward, loss="mse", hidden="tanh")
    >>> assert failure is None
    """
    if not callable(backward):
        raise TypeError(f"expected a function of (parameters, inputs, targets), got {describe(backward)}")
    if not 1 <= least_layers <= most_layers:
        rule = f"expected least_layers from 1 to most_layers, {most_layers}"
        raise ValueError(f"{rule}, got {least_layers}; raise most_layers")
    errors = ErrorCollector()
    parsed_loss = read_loss(loss, ("loss",), errors)
    errors.raise_if_any()
    assert parsed_loss is not None  # otherwise there were mistakes
    question = ProblemSpace(
        risk=parsed_loss[0],
        hidden=(hidden,) if isinstance(hidden, str) else tuple(hidden),
        output=output,
        bias=bias,
        least_layers=least_layers,
        most_layers=most_layers,
        widest=widest,
        most_examples=most_examples,
        outputs=outputs,
    )
    style = BackwardConventions(Convention(weights, examples), classes)
    first = first_failure(backward, question, style, problems)
    if first is None:
        return None
    smallest = smallest_failure(backward, question, style) or first
    informative = _informative(backward, largest(question), style) or _informative(backward, first, style)
    return _failure(backward, question, smallest, informative, style)


def lines_of_failure(failure: Failure) -> Iterator[str]:
    """Yield at most a dozen lines about a failure: the network, a wrong entry, the bug and the replay."""
    layers = failure.problem.network.layers
    widths = "-".join(str(size) for size in (layers[0].inputs, *(layer.outputs for layer in layers)))
    names = ", ".join(layer.activation.name for layer in layers)
    count, examples = parameters_of(failure.problem), failure.problem.batch.size
    yield (
        f"{failure.name} is wrong; the smallest network that shows it: {widths} ({names}), "
        f"{count} parameters, {examples} example{'' if examples == 1 else 's'}"
    )
    if failure.raised is not None:
        yield f"  there it raises {failure.raised}"
    if failure.report is not None:
        for parameter in failure.report.parameters.values():
            if parameter.verdict is Verdict.INCORRECT:
                entry = parameter.worst[0]
                yield f"  {parameter.name} {list(entry.index)}: {wording.entry(entry)}"
                break
            if parameter.verdict is Verdict.MISSING:
                yield f"  {parameter.name}: no gradient was given"
                break
    report = failure.report if failure.diagnosed is None else failure.diagnosed
    if report is not None and report.diagnosis:
        yield from (f"  {line}" for line in wording.failure_lines(report.diagnosis[0], report.network))
    if failure.replay:
        yield "  replay: save the next line as smallest.json, then: gradjury check smallest.json"
        yield failure.replay


def _informative(backward: Backward, failing: Problem, style: BackwardConventions) -> Problem | None:
    """Return a problem of the failing shape with wrong gradients, in which bugs differ; None if not found."""
    problems = (informative_parameters(failing, seed) for seed in range(_ATTEMPTS))
    return next((problem for problem in problems if is_wrong(backward, problem, style)), None)


def _failure(
    backward: Backward,
    question: ProblemSpace,
    smallest: Problem,
    informative: Problem | None,
    style: BackwardConventions,
) -> Failure:
    """Return the failure, on a network whose few numbers tell the same mistake as larger ones if possible."""
    name = getattr(backward, "__name__", type(backward).__name__)
    diagnosed = None if informative is None else judge_unless_raised(backward, informative, style)
    names = bugs_named(diagnosed)
    try:
        report = judge(backward, smallest, style, quick=False)
        if names and names != bugs_named(report):
            least = parameters_of(smallest)
            telling = smallest_with_names(backward, question, style, names, least)
            if telling is not None:
                smallest = telling
                report = judge(backward, smallest, style, quick=False)
        document = document_for(smallest, style)
        replay = to_json(arrays_to_lists({**document, "gradients": call(backward, document)}))
    except Exception as error:  # raised by the function, or its result is not a gradient
        return Failure(name, smallest, _describe_exception(error, backward), None, None, "")
    if names == bugs_named(report):
        diagnosed = None
    return Failure(name, smallest, None, report, diagnosed, replay if len(replay) <= _LONGEST_REPLAY else "")


def _describe_exception(error: Exception, backward: Backward) -> str:
    """Return the exception, and the line of the function's file that raised it."""
    file = getattr(getattr(backward, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    place = f" ({PurePath(str(file)).name}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{place}"
