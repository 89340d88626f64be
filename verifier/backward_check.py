"""check_backward(): a backward function in, the smallest network on which it is wrong out."""

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

_ATTEMPTS = 8  # draws of numbers that hide no bug, to diagnose on
_LONGEST_REPLAY = 2000  # characters


@dataclass(frozen=True, slots=True)
class Failure:
    """name: the function's. problem: the smallest on which it is wrong. raised: what it raised there, if so.

    report: on that problem. diagnosed: on larger ones, whose numbers tell mistakes apart.
    replay: the smallest problem as a submission, JSON text; empty where the function gave none.
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
    """Try a backward function on so many generated problems; None where it is right on all.

    loss: as in a submission. hidden, output: the activations it is written for. bias: whether layers have
    any. weights, examples: the layout that it takes and gives. classes: it takes targets as class indices.
    least_layers: 2 for a function that needs a hidden layer. Raises: MalformedSubmission for such a loss.
    """
    mistakes = Mistakes()
    read = read_loss(loss, "/loss", mistakes)
    mistakes.raise_if_any()
    assert read is not None  # without mistakes there is a loss
    question = Question(
        risk=read[0],
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
    telling = _telling(backward, largest(question), style) or _telling(backward, first, style)
    return _failure(backward, smallest, telling, style)


def told(failure: Failure) -> Iterator[str]:
    """Say which bug it is and where it shows, in a dozen lines."""
    layers = failure.problem.network.layers
    shape = "-".join(str(size) for size in (layers[0].inputs, *(layer.outputs for layer in layers)))
    names = ", ".join(layer.activation.name for layer in layers)
    count, examples = parameters_of(failure.problem), failure.problem.batch.size
    yield (
        f"{failure.name} is wrong; the smallest network that shows it: {shape} ({names}), "
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
    named = failure.diagnosed or failure.report
    for row in named.diagnosis[:1] if named is not None else ():
        yield from (f"  {line}" for line in diagnosis.in_brief(row))
    if failure.replay:
        yield "  replay: save the next line as smallest.json, then: gradjury check smallest.json"
        yield failure.replay


def _telling(backward: Backward, failing: Problem, style: Style) -> Problem | None:
    """Give numbers of the failing shape on which the function is wrong, and mistakes look different."""
    drawn = (strong_numbers(failing, seed) for seed in range(_ATTEMPTS))
    return next((problem for problem in drawn if is_wrong(backward, problem, style)), None)


def _failure(backward: Backward, smallest: Problem, telling: Problem | None, style: Style) -> Failure:
    name = getattr(backward, "__name__", type(backward).__name__)
    document = document_for(smallest, style)
    try:
        report = judge(backward, smallest, style, quick=False)
        replay = write(with_lists({**document, "gradients": called(backward, document)}))
    except Exception as error:  # the function's own, or what it gave is no gradient: told to its writer
        return Failure(name, smallest, f"{type(error).__name__}: {error}", None, None, "")
    diagnosed = None if telling is None else _judged(backward, telling, style)
    return Failure(name, smallest, None, report, diagnosed, replay if len(replay) <= _LONGEST_REPLAY else "")


def _judged(backward: Backward, problem: Problem, style: Style) -> Report | None:
    try:
        return judge(backward, problem, style, quick=False)
    except Exception:  # it is the smallest problem on which it is told what the function does wrong
        return None
