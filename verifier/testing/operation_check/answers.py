"""Reference gradients of one use of an operation with a row in the table of operations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import tensors_to_numpy
from verifier.engine.autodiff import values_of
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.graph_rounding import GraphRoundingArithmetic, rounding
from verifier.engine.interval_functions import INTERVALS
from verifier.engine.magnitudes import MagnitudeArithmetic
from verifier.engine.rounding import DEVIATIONS
from verifier.oracles import GRAPH_ORACLES, ask
from verifier.problem.graph import GraphOperation, GraphProblem, InferredNode, Shape
from verifier.problem.precision import PRECISIONS
from verifier.report.model import Uncertainty
from verifier.testing.operation_check.differentiated import (
    NOISE_BOUND,
    NumericalVjp,
    function_noise,
    vjp_by_complex_steps,
    vjp_by_differences,
)
from verifier.testing.operation_check.noise import measured_noise
from verifier.testing.operation_check.operation import UseResult, call_user_code, run_once
from verifier.testing.operation_check.references import (
    Reference,
    row_with_known_vjp,
    use_node,
    weighted_sum_graph,
)
from verifier.testing.operation_check.written import UserOperation

FORWARD = "forward"  # name of the value in a mapping of gradients by name
QUICK = ("backpropagation",)
ALL_ORACLES = tuple(GRAPH_ORACLES)


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceAnswers:
    """Answers of the oracles about one use.

    problem: graph of the use.
    answers: by oracle; gradients by argument name and, if known, the value under FORWARD.
    allowance, scale: rounding allowance and scale of each gradient.
    values: values of the graph's nodes.
    of_row: True if the operation has a row in the table.
    terms: by argument, the size of terms that may cancel in its gradient; empty for a row.
    sampled: by argument, the entries that were differentiated; empty if all were.
    """

    problem: GraphProblem
    answers: Mapping[str, Answer]
    allowance: Mapping[str, Array]
    scale: Mapping[str, Array]
    values: Mapping[str, Array]
    of_row: bool
    terms: Mapping[str, float] = field(default_factory=dict)
    sampled: Mapping[str, Array] = field(default_factory=dict)


def answers_of_row(
    operation: UserOperation,
    reference: Reference,
    fit: InferredNode,
    arguments: Sequence[Array],
    result: UseResult,
    oracles: Sequence[str],
) -> ReferenceAnswers:
    """Return the answers of the graph oracles with these names, with a certified interval of the value."""
    assert reference.row is not None
    assert result.upstream is not None
    floats = [array.astype(np.float64) for array in arguments]
    problem = weighted_sum_graph(reference.row, fit, operation, floats, result.upstream, reference.data)
    float64_rounding = rounding(problem, PRECISIONS["float64"])
    answers = dict(ask(problem, float64_rounding, oracles))
    node = use_node(reference.row, fit, operation, floats, reference.data)
    interval = values_of(problem, INTERVALS)[node.name]
    rounded = values_of(problem, GraphRoundingArithmetic(PRECISIONS["float64"]))[node.name]
    magnitude = values_of(problem, MagnitudeArithmetic())[node.name]
    # the interval's radius is needed where the value is 0, as in log 1, and is rounded nevertheless
    rounding_error = np.maximum(DEVIATIONS * rounded.deviation, interval.radius)
    value = {"backpropagation": Estimate(interval.middle, interval.radius)}
    if "autograd" in answers and answers["autograd"].gradient:
        import torch

        tensors = [torch.tensor(array.copy()) for array in floats]
        value["autograd"] = Estimate(node.operation.in_torch(torch, node, tensors).numpy(), rounding_error)
    for oracle, estimate in value.items():
        answers[oracle] = add_estimate(answers[oracle], FORWARD, estimate)
    return ReferenceAnswers(
        problem,
        answers,
        {**float64_rounding.allowance, FORWARD: rounding_error},
        {**float64_rounding.scale, FORWARD: magnitude.size},
        float64_rounding.values,
        of_row=True,
    )


def graph_with_known_vjp(
    operation: UserOperation, reference_answers: ReferenceAnswers, expected: Mapping[str, Array]
) -> GraphProblem:
    """Return the graph with a row whose vector-Jacobian product is the oracles', for the diagnosis."""
    node, *others = reference_answers.problem.nodes
    vjps = [
        expected[name] if name in expected else np.zeros(shape)
        for name, shape in zip(node.operands, node.operand_shapes, strict=True)
    ]
    row: GraphOperation = row_with_known_vjp(operation.name, node.shape, vjps)
    inner = type(node)(node.name, row, node.operands, node.options, node.operand_shapes, node.shape)
    return GraphProblem(
        reference_answers.problem.inputs,
        reference_answers.problem.parameters,
        {},
        (inner, *others),
        reference_answers.problem.output,
        reference_answers.problem.requested,
    )


def add_estimate(answer: Answer, name: str, estimate: Estimate) -> Answer:
    """Return the answer with an additional estimate."""
    return Answer({**answer.gradient, name: estimate}, answer.uncertainty, answer.reason)


_ROUNDINGS = 2.0**-46  # rounding allowance of an operation without a formula, relative to its terms
_CANCELLATION = 2.0**-49  # relative to the largest terms that may cancel
MOST_ENTRIES = 256  # that are differentiated one by one
_DEVIATIONS = 16.0  # standard deviations of measured noise that a right number may be off


class ReferenceRaised(Exception):  # noqa: N818 -- an event, not an error of this package
    """Raised if the user's reference function does not accept the arguments."""


def answers_of_functions(
    operation: UserOperation, reference: Reference, arguments: Sequence[Array], result: UseResult, quick: bool
) -> ReferenceAnswers:
    """Return the oracles' answers for the user's numpy or PyTorch function, or else for forward itself.

    Raises: GivenRaised if a reference function does not accept the arguments.
    """
    assert result.value is not None
    assert result.upstream is not None
    names = operation.arguments[: len(arguments)]
    places = [place for place in range(len(arguments)) if place not in reference.data]
    answers: dict[str, Answer] = {}
    function = function_of(operation, reference)
    entries = sample_entries(arguments, places)
    differences = vjp_by_differences(function, arguments, places, result.upstream, entries)
    scale = {names[place]: np.nan_to_num(size) for place, size in differences.scale.items()}
    terms = {place: _terms(differences, arguments, result, place) for place in places}
    allowance = {
        names[place]: np.maximum(_ROUNDINGS * scale[names[place]], _CANCELLATION * terms[place])
        for place in places
    }
    if not quick:
        steps = vjp_by_complex_steps(function, arguments, places, result.upstream, entries)
        if steps is not None and not _contradict(steps.estimates, differences.estimates):
            answers["complex_step"] = _answer(names, _smooth(steps.estimates, differences.estimates))
        if reference.in_torch is not None:
            answers["autograd"] = _by_torch(reference, names, arguments, result.upstream, differences)
    answers["finite_differences"] = _answer(names, differences.estimates)
    if reference.in_numpy is not None:
        value = np.asarray(function(*arguments), dtype=np.float64)
        rounding_error = _ROUNDINGS * np.abs(value)
        answers["numpy"] = Answer({FORWARD: Estimate(value, rounding_error)}, Uncertainty.ESTIMATE)
    row = row_with_known_vjp(operation.name, tuple(result.value.shape), [])
    problem = weighted_sum_graph(
        row, InferredNode(tuple(result.value.shape)), operation, arguments, result.upstream, reference.data
    )
    expected = next(
        (answer.gradient[FORWARD].value for answer in answers.values() if FORWARD in answer.gradient), None
    )
    if expected is not None:
        size = np.abs(expected)
        allowance[FORWARD], scale[FORWARD] = _ROUNDINGS * size, size
    return ReferenceAnswers(
        problem,
        answers,
        allowance,
        scale,
        _values(problem, arguments, result),
        of_row=False,
        terms={names[place]: size for place, size in terms.items()},
        sampled={names[place]: rows for place, rows in (entries or {}).items()},
    )


def sample_entries(arguments: Sequence[Array], places: Sequence[int]) -> dict[int, Array] | None:
    """Return flat indices of the entries to differentiate in each argument; None if these are all.

    Small arguments are differentiated whole, and large ones share what is left.
    """
    sizes = {place: arguments[place].size for place in places}
    if sum(sizes.values()) <= MOST_ENTRIES:
        return None
    rng = np.random.default_rng(0)
    left, entries = MOST_ENTRIES, {}
    by_size = sorted(places, key=lambda place: sizes[place])
    for index, place in enumerate(by_size):
        count = min(sizes[place], left // (len(by_size) - index))
        entries[place] = np.sort(rng.choice(sizes[place], count, replace=False))
        left -= count
    return entries


def _terms(differences: NumericalVjp, arguments: Sequence[Array], result: UseResult, place: int) -> float:
    """Return the size of terms that may cancel in the gradients of one argument.

    The contributions of all arguments, and the terms of the value, have the unit of the value. Divided by the
    size of the argument they are the terms that a right formula may add and subtract.
    """
    assert result.value is not None
    assert result.upstream is not None
    terms = [float(np.abs(result.upstream * result.value).sum())]
    for other, size in differences.scale.items():
        finite = size[np.isfinite(size)]
        terms.append(float(finite.max(initial=0.0) * np.abs(arguments[other]).max(initial=0.0)))
    largest = float(np.abs(arguments[place]).max(initial=0.0))
    return max(terms) / largest if largest > 0 else 0.0


def shape_of_reference(
    operation: UserOperation, reference: Reference, arguments: Sequence[Array]
) -> Shape | None:
    """Return the shape of the reference function's value; None without such a function.

    Raises: GivenRaised.
    """
    if reference.in_numpy is None:
        return None
    return tuple(np.shape(function_of(operation, reference)(*arguments)))


def with_measured_noise(
    reference_answers: ReferenceAnswers,
    operation: UserOperation,
    arguments: Sequence[Array],
    result: UseResult,
    data: Sequence[int],
) -> ReferenceAnswers:
    """Return the answers with allowances of at least the noise of the operation's own value and gradients."""
    assert result.value is not None
    assert result.upstream is not None
    upstream = result.upstream
    names = operation.arguments[: len(arguments)]
    moving = [
        place for place in range(len(arguments)) if place not in data and arguments[place].dtype.kind == "f"
    ]
    allowance = dict(reference_answers.allowance)
    if FORWARD in allowance:
        noise = function_noise(forward_function(operation), arguments, moving) / NOISE_BOUND
        noise = _DEVIATIONS * noise.reshape(result.value.shape)
        if allowance[FORWARD].shape == noise.shape:
            allowance[FORWARD] = np.maximum(allowance[FORWARD], noise)
    shapes = [None if gradient is None else gradient.shape for gradient in result.gradients]

    def gradients(moved: Sequence[Array]) -> Array | None:
        again = run_once(operation, moved, lambda shape: upstream, data)
        if [None if row is None else row.shape for row in again.gradients] != shapes:
            return None
        return np.concatenate([row.ravel() for row in again.gradients if row is not None] or [np.zeros(0)])

    unit = max((float(np.finfo(dtype).eps) for dtype in result.dtypes), default=0.0)
    noise_of_gradients = measured_noise(gradients, arguments, moving, unit)
    if noise_of_gradients is None:
        return replace(reference_answers, allowance=allowance)
    start = 0
    for name, gradient in zip(names, result.gradients, strict=True):
        if gradient is None:
            continue
        part = noise_of_gradients[start : start + gradient.size].reshape(gradient.shape)
        start += gradient.size
        if name in allowance and allowance[name].shape == part.shape:
            allowance[name] = np.maximum(allowance[name], _DEVIATIONS * part)
    return replace(reference_answers, allowance=allowance)


def of_forward(
    operation: UserOperation, arguments: Sequence[Array], result: UseResult, data: Sequence[int]
) -> dict[str, Answer]:
    """Return the gradients of the user's forward by finite differences and, if possible, complex steps."""
    assert result.upstream is not None
    names = operation.arguments[: len(arguments)]
    places = [place for place in range(len(arguments)) if place not in data]

    forward = forward_function(operation)
    differences = vjp_by_differences(forward, arguments, places, result.upstream)
    answers = {"differences_of_forward": _answer(names, differences.estimates)}
    steps = vjp_by_complex_steps(forward, arguments, places, result.upstream)
    if steps is not None and not _contradict(steps.estimates, differences.estimates):
        smooth = _smooth(steps.estimates, differences.estimates)
        answers["complex_step_of_forward"] = _answer(names, smooth)
    return answers


def forward_function(operation: UserOperation) -> Callable[..., Any]:
    """Return forward as a function that starts a new use with every call. It raises OperationRaised."""

    def forward(*arguments: Any) -> Any:
        copies = (array.copy() for array in arguments)
        return tensors_to_numpy(call_user_code("forward", operation.begin().forward, *copies))

    return forward


def function_of(operation: UserOperation, reference: Reference) -> Callable[..., Any]:
    """Return the user's numpy function, which then raises GivenRaised, or else forward."""
    if reference.in_numpy is None:
        return forward_function(operation)
    in_numpy = reference.in_numpy

    def function(*arguments: Any) -> Any:
        try:
            value = np.asarray(in_numpy(*(array.copy() for array in arguments), **reference.options))
        except Exception as error:  # user code may raise anything
            raise ReferenceRaised(f"{type(error).__name__}: {str(error)[:200]}") from None
        if value.dtype.kind not in "fciub":
            raise ReferenceRaised(f"it gives no array of numbers, but {value.dtype}")
        return value

    return function


def _by_torch(
    reference: Reference,
    names: Sequence[str],
    arguments: Sequence[Array],
    upstream: Array,
    differences: NumericalVjp,
) -> Answer:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: the libraries of PyTorch cannot be loaded
        return Answer({}, Uncertainty.UNKNOWN, reason=f"PyTorch cannot be imported: {error}")
    assert reference.in_torch is not None
    tensors = [torch.tensor(array.copy(), requires_grad=True) for array in arguments]
    try:
        value = reference.in_torch(*tensors, **reference.options)
        weights = torch.tensor(upstream.copy()).reshape(value.shape)
        gradients = torch.autograd.grad(value, tensors, weights, allow_unused=True)
    except Exception as error:  # user code may raise anything
        raise ReferenceRaised(f"{type(error).__name__}: {str(error)[:200]}") from None
    estimates = {}
    for place, (argument, grad) in enumerate(zip(arguments, gradients, strict=True)):
        gradient = np.zeros(argument.shape) if grad is None else grad.numpy()
        estimates[place] = Estimate(gradient, _ROUNDINGS * differences.scale[place])
    array = value.detach().numpy()
    answer = _answer(names, _smooth(estimates, differences.estimates))
    return add_estimate(answer, FORWARD, Estimate(array, _ROUNDINGS * np.abs(array)))


def _values(problem: GraphProblem, arguments: Sequence[Array], result: UseResult) -> dict[str, Array]:
    assert result.value is not None
    assert result.upstream is not None
    node, weighed, total = problem.nodes
    product = result.value * result.upstream
    leaves = dict(problem.leaves())
    return leaves | {node.name: result.value, weighed.name: product, total.name: np.asarray(product.sum())}


def _answer(names: Sequence[str], estimates: Mapping[int, Estimate]) -> Answer:
    return Answer({names[place]: estimate for place, estimate in estimates.items()}, Uncertainty.ESTIMATE)


def _smooth(one: Mapping[int, Estimate], differences: Mapping[int, Estimate]) -> dict[int, Estimate]:
    """Return the estimates with an infinite error at kinks, where these methods see only one side."""
    smooth = {}
    for place, estimate in one.items():
        subgradient_radius = differences[place].subgradient_radius
        error = (
            estimate.error
            if subgradient_radius is None
            else np.where(subgradient_radius > 0, np.inf, estimate.error)
        )
        smooth[place] = Estimate(estimate.value, error)
    return smooth


def _contradict(one: Mapping[int, Estimate], other: Mapping[int, Estimate]) -> bool:
    """True if the complex steps are no derivative, for example because the function takes a real part."""
    for place, estimate in one.items():
        known = np.isfinite(other[place].error)
        distance = np.abs(estimate.value - other[place].value)
        if (known & (distance > estimate.half_width + other[place].half_width)).any():
            return True
    return False
