"""Check a backward function for layered networks on generated problems."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reference_impl.problem import Problem
from verifier.backward_function import Backward, Style, document_for, judge, parameters_of
from verifier.backward_function import call as called
from verifier.convention import Convention
from verifier.diagnosis.strong_problem import strong_numbers
from verifier.documents.json_text import write
from verifier.documents.loss_reading import read_loss
from verifier.documents.mistakes import Mistakes
from verifier.documents.submission_document import with_lists
from verifier.exporters import diagnosis, sentences
from verifier.report import Report
from verifier.smallest import Question, first_failure, is_wrong, largest, smallest_failure
from verifier.verdict import Verdict

_ATTEMPTS = 8  # draws of informative parameters for the diagnosis
_LONGEST_REPLAY = 2000  # characters


@dataclass(frozen=True, slots=True)
class Failure:
    """Failure of a backward function.

    name: name of the function.
    problem: smallest problem with a wrong gradient.
    raised: exception of the function on this problem, as text.
    report: report on this problem.
    diagnosed: report on a larger problem, whose parameters distinguish more bugs.
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
    mistakes = Mistakes()
    parsed_loss = read_loss(loss, "/loss", mistakes)
    mistakes.raise_if_any()
    assert parsed_loss is not None  # otherwise there were mistakes
    question = Question(
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
    style = Style(Convention(weights, examples), classes)
    first = first_failure(backward, question, style, problems)
    if first is None:
        return None
    smallest = smallest_failure(backward, question, style) or first
    informative = _informative(backward, largest(question), style) or _informative(backward, first, style)
    return _failure(backward, smallest, informative, style)


def told(failure: Failure) -> Iterator[str]:
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
                yield f"  {parameter.name} {list(entry.index)}: {sentences.entry(entry)}"
                break
            if parameter.verdict is Verdict.MISSING:
                yield f"  {parameter.name}: no gradient was given"
                break
    report = failure.diagnosed or failure.report
    for row in report.diagnosis[:1] if report is not None else ():
        yield from (f"  {line}" for line in diagnosis.in_brief(row))
    if failure.replay:
        yield "  replay: save the next line as smallest.json, then: gradjury check smallest.json"
        yield failure.replay


def _informative(backward: Backward, failing: Problem, style: Style) -> Problem | None:
    """Return a problem of the failing shape with wrong gradients, in which bugs differ; None if not found."""
    problems = (strong_numbers(failing, seed) for seed in range(_ATTEMPTS))
    return next((problem for problem in problems if is_wrong(backward, problem, style)), None)


def _failure(backward: Backward, smallest: Problem, informative: Problem | None, style: Style) -> Failure:
    name = getattr(backward, "__name__", type(backward).__name__)
    document = document_for(smallest, style)
    try:
        report = judge(backward, smallest, style, quick=False)
        replay = write(with_lists({**document, "gradients": called(backward, document)}))
    except Exception as error:  # raised by the function, or its result is not a gradient
        return Failure(name, smallest, f"{type(error).__name__}: {error}", None, None, "")
    diagnosed = None if informative is None else _judge(backward, informative, style)
    return Failure(name, smallest, None, report, diagnosed, replay if len(replay) <= _LONGEST_REPLAY else "")


def _judge(backward: Backward, problem: Problem, style: Style) -> Report | None:
    try:
        return judge(backward, problem, style, quick=False)
    except Exception:  # exceptions are reported for the smallest problem only
        return None
