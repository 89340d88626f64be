"""Check a backward function for layered networks on generated problems."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import Parameter, signature
from itertools import islice, pairwise, product
from pathlib import PurePath
from random import Random
from traceback import extract_tb
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from reference_impl.activations import activation
from reference_impl.losses import Risk
from reference_impl.network import Batch, Layer, LayerParameters, Network, named
from reference_impl.problem import Problem
from verifier.diagnosis.random_problem import informative_parameters
from verifier.documents.json import to_json
from verifier.documents.reading import read_submission
from verifier.documents.writing import arrays_to_lists, make_submission, submission_to_document
from verifier.pipeline.layers import verify
from verifier.problem.errors import ErrorCollector, describe
from verifier.problem.loss import read_loss
from verifier.problem.submission import Convention
from verifier.report import wording
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.testing import strategies

Backward = Callable[..., Any]
QUICK = ("backpropagation",)  # one certified oracle is enough to find a failure


@dataclass(frozen=True, slots=True)
class BackwardConventions:
    """Conventions of a backward function. classes: True if the targets are class indices."""

    convention: Convention = field(default_factory=Convention)
    classes: bool = False


def document_for(problem: Problem, style: BackwardConventions) -> dict[str, Any]:
    """Return the problem's document with arrays, in the function's conventions, without gradients."""
    document = submission_to_document(make_submission(problem, {}, convention=style.convention))
    if style.classes:
        document["targets"] = problem.batch.targets.argmax(axis=1)
    return document


def call(backward: Backward, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gradients by parameter that the function returns for a problem.

    The function is called with copies of (parameters, inputs, targets), or of the layers and these three.
    """
    arguments = [
        {name: array.copy() for name, array in document["parameters"].items()},
        document["inputs"].copy(),
        document["targets"].copy(),
    ]
    if _takes_layers(backward):
        arguments.insert(0, [dict(layer) for layer in document["network"]["layers"]])
    _check_signature(backward, arguments)
    return named_gradients(backward(*arguments), list(document["parameters"]))


def named_gradients(returned: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return gradients by parameter.

    returned: result of the function: a dict by parameter, or a sequence of arrays or of (weight, bias) pairs
    in the order of the layers.
    Raises: TypeError for any other result.
    """
    if isinstance(returned, Mapping):
        return dict(returned)
    if isinstance(returned, tuple | list):
        if any(isinstance(item, Mapping) for item in returned):
            raise TypeError("expected gradients alone, got them beside other values; return the dict alone")
        flat: list[Any] = []
        for item in returned:
            flat.extend(item if isinstance(item, tuple | list) and not _is_row(item) else [item])
        if len(flat) == len(names):
            return dict(zip(names, flat, strict=True))
        raise TypeError(
            f"expected gradients for {', '.join(names)} ({len(names)} arrays), got {len(flat)}; "
            "give a dict by parameter, or all of them in this order"
        )
    raise TypeError(
        f"expected gradients as a dict such as {{{names[0]!r}: …}}, got {type(returned).__name__}; "
        "the function must return them"
    )


def judge(
    backward: Backward,
    problem: Problem,
    style: BackwardConventions,
    *,
    quick: bool = True,
    diagnosis: bool | None = None,
) -> Report:
    """Return the report on the gradients that the function returns for a problem.

    quick: use one oracle. diagnosis: by default only if not quick.
    Raises: any exception of the function; TypeError or MalformedSubmission for an invalid result.
    """
    document = document_for(problem, style)
    submission = read_submission({**document, "gradients": call(backward, document)})
    return verify(
        submission, oracles=QUICK if quick else None, diagnosis=not quick if diagnosis is None else diagnosis
    )


def _check_signature(backward: Backward, arguments: Sequence[Any]) -> None:
    try:
        signature(backward).bind(*arguments)
    except ValueError:  # some callables written in C have no signature
        return
    except TypeError as error:
        rule = "expected a function of (parameters, inputs, targets) or (layers, parameters, inputs, targets)"
        name = getattr(backward, "__name__", type(backward).__name__)
        raise TypeError(f"{rule}, got {name}{signature(backward)}: {error}") from None


def _takes_layers(backward: Backward) -> bool:
    try:
        parameters = signature(backward).parameters.values()
    except (TypeError, ValueError):  # some callables written in C have no signature
        return False
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.kind in positional and p.default is Parameter.empty]
    return len(required) == 4


def _is_row(item: Sequence[Any]) -> bool:
    return len(item) > 0 and all(isinstance(number, int | float | np.number) for number in item)


def parameters_of(problem: Problem) -> int:
    """Return the number of parameter entries."""
    return sum(array.size for _, array in named(problem.parameters))


_NO_HEALTH_CHECKS = tuple(HealthCheck)
_DRAWS = 12  # draws of numbers per shape
_NAMED_DRAWS = 2  # the same where each draw costs a diagnosis; the first one is all zeros
_MOST_SHAPES = 12  # shapes on which a name is sought that the smallest network does not have


@dataclass(frozen=True, slots=True)
class ProblemSpace:
    """Set of problems that a function supports.

    hidden: possible activations of hidden layers.
    output: activation of the last layer.
    bias: True if layers have biases.
    least_layers: 2 if the function requires a hidden layer.
    outputs: number of output units; None for any number up to `widest`.
    """

    risk: Risk
    hidden: tuple[str, ...] = ("tanh",)
    output: str = "identity"
    bias: bool = True
    least_layers: int = 1
    most_layers: int = 3
    widest: int = 4
    most_examples: int = 4
    outputs: int | None = None


def problems_in(question: ProblemSpace) -> st.SearchStrategy[Problem]:
    """Return a strategy for problems of all shapes that the question allows."""
    shapes = list(_shapes(question))
    return st.sampled_from(shapes).flatmap(lambda shape: _problems_of_shape(question, *shape))


def first_failure(
    backward: Backward, question: ProblemSpace, style: BackwardConventions, examples: int
) -> Problem | None:
    """Return a random problem on which the function is wrong, not shrunk; None if all are correct.

    examples: number of problems to try.
    """
    return _find(problems_in(question), _is_wrong(backward, style), examples, shrink=False)


def smallest_failure(
    backward: Backward, question: ProblemSpace, style: BackwardConventions
) -> Problem | None:
    """Return the smallest problem on which the function is wrong; None if none is found."""
    wrong = _is_wrong(backward, style)
    for shape in _shapes(question):
        problem = _find(_problems_of_shape(question, *shape), wrong, _DRAWS, shrink=True)
        if problem is not None:
            return problem
    return None


def smallest_with_names(
    backward: Backward, question: ProblemSpace, style: BackwardConventions, names: set[str], least: int
) -> Problem | None:
    """Return the smallest problem on which the diagnosis names these bugs; None if few shapes show none.

    least: number of parameters from which on problems are tried.
    """

    def has_names(problem: Problem) -> bool:
        report = _judge(backward, problem, style, quick=True)
        return report is not None and _names(report) == names

    shapes = (shape for shape in _shapes(question) if _parameter_count(shape[0], question.bias) >= least)
    for shape in islice(shapes, _MOST_SHAPES):
        problems = _problems_of_shape(question, *shape).map(_with_whole_numbers)
        problem = _find(problems, has_names, _NAMED_DRAWS, shrink=False)
        if problem is not None:
            return problem  # it is not shrunk, as every step would cost a diagnosis
    return None


def _with_whole_numbers(problem: Problem) -> Problem:
    """Return the problem with parameters and inputs, and targets of a regression, rounded."""
    batch, regression = problem.batch, "values" in problem.risk.loss.on
    targets = np.rint(batch.targets) if regression else batch.targets
    parameters = tuple(
        LayerParameters(np.rint(layer.weight), None if layer.bias is None else np.rint(layer.bias))
        for layer in problem.parameters
    )
    return replace(
        problem, parameters=parameters, batch=replace(batch, inputs=np.rint(batch.inputs), targets=targets)
    )


def largest(question: ProblemSpace) -> Problem:
    """Return a problem of the deepest shape, with all numbers 1 and, if possible, with different widths."""
    depth, widest = question.most_layers, question.widest
    sizes = [max(1, widest - index % 2) for index in range(depth)]
    sizes.append(question.outputs or max(1, widest - 1))
    names = (*(question.hidden[i % len(question.hidden)] for i in range(depth - 1)), question.output)
    network = Network(
        tuple(
            Layer(n_in, n_out, activation(name), question.bias)
            for n_in, n_out, name in zip(sizes, sizes[1:], names, strict=False)
        )
    )
    ones = tuple(
        LayerParameters(
            np.ones((layer.inputs, layer.outputs)), np.ones(layer.outputs) if layer.bias else None
        )
        for layer in network.layers
    )
    return Problem(network, ones, Batch(np.ones((1, sizes[0])), np.ones((1, sizes[-1]))), question.risk)


def is_wrong(backward: Backward, problem: Problem, style: BackwardConventions) -> bool:
    """True if the function raises, or returns an incorrect gradient or none."""
    try:
        return judge(backward, problem, style).verdict is Verdict.INCORRECT
    except Exception:  # any exception is a failure; its text is reported for the smallest problem
        return True


def _is_wrong(backward: Backward, style: BackwardConventions) -> Callable[[Problem], bool]:
    return lambda problem: is_wrong(backward, problem, style)


def _shapes(question: ProblemSpace) -> Iterator[tuple[tuple[int, ...], tuple[str, ...], int]]:
    """Yield widths, hidden activations and the number of examples, fewest parameters first."""
    shapes = []
    for depth in range(question.least_layers, question.most_layers + 1):
        widths = [range(1, question.widest + 1)] * depth
        last: Sequence[int] = range(1, question.widest + 1)
        if question.outputs is not None:
            last = [question.outputs]
        for sizes in product(*widths, last):
            for hidden in product(question.hidden, repeat=depth - 1):
                for examples in range(1, question.most_examples + 1):
                    shapes.append((sizes, hidden, examples))
    shapes.sort(key=lambda shape: (_parameter_count(shape[0], question.bias), shape[2], len(shape[0])))
    yield from shapes


def _parameter_count(sizes: Sequence[int], bias: bool) -> int:
    return sum((n_in + bias) * n_out for n_in, n_out in pairwise(sizes))


@st.composite
def _problems_of_shape(
    draw: st.DrawFn, question: ProblemSpace, sizes: tuple[int, ...], hidden: tuple[str, ...], examples: int
) -> Problem:
    names = (*hidden, question.output)
    layers = tuple(
        Layer(n_in, n_out, activation(name), question.bias)
        for n_in, n_out, name in zip(sizes, sizes[1:], names, strict=False)
    )
    network = Network(layers)
    batch = draw(strategies.batches(network, question.risk, examples, examples))
    return Problem(network, draw(strategies.parameters(network)), batch, replace(question.risk))


def _find(
    strategy: st.SearchStrategy[Problem], condition: Callable[[Problem], bool], examples: int, *, shrink: bool
) -> Problem | None:
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    search_settings = settings(
        max_examples=examples,
        phases=phases,
        database=None,
        deadline=None,
        suppress_health_check=_NO_HEALTH_CHECKS,
    )
    try:
        return find(strategy, condition, settings=search_settings, random=Random(0))
    except NoSuchExample:
        return None


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
    diagnosed = None if informative is None else _judge(backward, informative, style)
    names = _names(diagnosed)
    try:
        report = judge(backward, smallest, style, quick=False)
        if names and names != _names(report):
            least = parameters_of(smallest)
            telling = smallest_with_names(backward, question, style, names, least)
            if telling is not None:
                smallest = telling
                report = judge(backward, smallest, style, quick=False)
        document = document_for(smallest, style)
        replay = to_json(arrays_to_lists({**document, "gradients": call(backward, document)}))
    except Exception as error:  # raised by the function, or its result is not a gradient
        return Failure(name, smallest, _describe_exception(error, backward), None, None, "")
    if names == _names(report):
        diagnosed = None
    return Failure(name, smallest, None, report, diagnosed, replay if len(replay) <= _LONGEST_REPLAY else "")


def _describe_exception(error: Exception, backward: Backward) -> str:
    """Return the exception, and the line of the function's file that raised it."""
    file = getattr(getattr(backward, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    place = f" ({PurePath(str(file)).name}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{place}"


def _names(report: Report | None) -> set[str]:
    return set() if report is None else {row.bug for row in report.diagnosis}


def _judge(
    backward: Backward, problem: Problem, style: BackwardConventions, *, quick: bool = False
) -> Report | None:
    """Return the report with its diagnosis; None if the function raises. quick: use one oracle."""
    try:
        return judge(backward, problem, style, quick=quick, diagnosis=True)
    except Exception:  # exceptions are reported for the smallest problem only
        return None
