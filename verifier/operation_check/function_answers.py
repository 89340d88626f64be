"""Reference gradients of a function without a formula, from its values or from PyTorch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.graphs.operation import Fit
from verifier.graphs.problem import GraphProblem
from verifier.graphs.shapes import Shape
from verifier.operation_check.answers import FORWARD, Asked, with_answer
from verifier.operation_check.differentiated import PullBack, by_complex_steps, by_differences
from verifier.operation_check.references import Reference, problem_of, taken_at_its_word
from verifier.operation_check.trying import Tried, called
from verifier.operation_check.written import WrittenOperation

_ROUNDINGS = 2.0**-46  # rounding allowance of an operation without a formula, relative to its terms


class GivenRaised(Exception):  # noqa: N818 -- an event, not an error of this package
    """Raised if the user's reference function does not accept the arguments."""


def of_functions(
    operation: WrittenOperation, reference: Reference, arguments: Sequence[Array], result: Tried, quick: bool
) -> Asked:
    """Return the oracles' answers for the user's numpy or PyTorch function, or else for forward itself.

    Raises: GivenRaised if a reference function does not accept the arguments.
    """
    assert result.value is not None
    assert result.upstream is not None
    names = operation.arguments[: len(arguments)]
    places = range(len(arguments))
    answers: dict[str, Answer] = {}
    function = function_of(operation, reference)
    differences = by_differences(function, arguments, places, result.upstream)
    allowance = {names[place]: _ROUNDINGS * scale for place, scale in differences.scale.items()}
    scale = {names[place]: size for place, size in differences.scale.items()}
    if not quick:
        steps = by_complex_steps(function, arguments, places, result.upstream)
        if steps is not None and not _contradict(steps.estimates, differences.estimates):
            answers["complex_step"] = _answer(names, _smooth(steps.estimates, differences.estimates))
        if reference.in_torch is not None:
            answers["autograd"] = _by_torch(reference, names, arguments, result.upstream, differences)
    answers["finite_differences"] = _answer(names, differences.estimates)
    if reference.in_numpy is not None:
        value = np.asarray(function(*arguments), dtype=np.float64)
        rounding_error = _ROUNDINGS * np.abs(value)
        answers["numpy"] = Answer({FORWARD: Estimate(value, rounding_error)}, Uncertainty.ESTIMATE)
    row = taken_at_its_word(operation.name, tuple(result.value.shape), [])
    problem = problem_of(row, Fit(tuple(result.value.shape)), operation, arguments, result.upstream, ())
    expected = next(
        (answer.gradient[FORWARD].value for answer in answers.values() if FORWARD in answer.gradient), None
    )
    if expected is not None:
        size = np.abs(expected)
        allowance[FORWARD], scale[FORWARD] = _ROUNDINGS * size, size
    return Asked(problem, answers, allowance, scale, _values(problem, arguments, result), of_row=False)


def shape_of_given(
    operation: WrittenOperation, reference: Reference, arguments: Sequence[Array]
) -> Shape | None:
    """Return the shape of the reference function's value; None without such a function.

    Raises: GivenRaised.
    """
    if reference.in_numpy is None:
        return None
    return tuple(np.shape(function_of(operation, reference)(*arguments)))


def of_forward(
    operation: WrittenOperation, arguments: Sequence[Array], result: Tried, data: Sequence[int]
) -> dict[str, Answer]:
    """Return the gradients of the user's forward by finite differences and, if possible, complex steps."""
    assert result.upstream is not None
    names = operation.arguments[: len(arguments)]
    places = [place for place in range(len(arguments)) if place not in data]

    forward = own_forward(operation)
    differences = by_differences(forward, arguments, places, result.upstream)
    answers = {"differences_of_forward": _answer(names, differences.estimates)}
    steps = by_complex_steps(forward, arguments, places, result.upstream)
    if steps is not None and not _contradict(steps.estimates, differences.estimates):
        smooth = _smooth(steps.estimates, differences.estimates)
        answers["complex_step_of_forward"] = _answer(names, smooth)
    return answers


def own_forward(operation: WrittenOperation) -> Callable[..., Any]:
    """Return forward as a function that starts a new use with every call. It raises OperationRaised."""

    def forward(*arguments: Any) -> Any:
        return called("forward", operation.begin().forward, *(array.copy() for array in arguments))

    return forward


def function_of(operation: WrittenOperation, reference: Reference) -> Callable[..., Any]:
    """Return the user's numpy function, which then raises GivenRaised, or else forward."""
    if reference.in_numpy is None:
        return own_forward(operation)
    in_numpy = reference.in_numpy

    def function(*arguments: Any) -> Any:
        try:
            value = np.asarray(in_numpy(*(array.copy() for array in arguments), **reference.options))
        except Exception as error:  # user code may raise anything
            raise GivenRaised(f"{type(error).__name__}: {str(error)[:200]}") from None
        if value.dtype.kind not in "fciub":
            raise GivenRaised(f"it gives no array of numbers, but {value.dtype}")
        return value

    return function


def _by_torch(
    reference: Reference,
    names: Sequence[str],
    arguments: Sequence[Array],
    upstream: Array,
    differences: PullBack,
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
        raise GivenRaised(f"{type(error).__name__}: {str(error)[:200]}") from None
    estimates = {}
    for place, (argument, grad) in enumerate(zip(arguments, gradients, strict=True)):
        gradient = np.zeros(argument.shape) if grad is None else grad.numpy()
        estimates[place] = Estimate(gradient, _ROUNDINGS * differences.scale[place])
    array = value.detach().numpy()
    answer = _answer(names, _smooth(estimates, differences.estimates))
    return with_answer(answer, FORWARD, Estimate(array, _ROUNDINGS * np.abs(array)))


def _values(problem: GraphProblem, arguments: Sequence[Array], result: Tried) -> dict[str, Array]:
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
        slopes = differences[place].slopes
        error = estimate.error if slopes is None else np.where(slopes > 0, np.inf, estimate.error)
        smooth[place] = Estimate(estimate.value, error)
    return smooth


def _contradict(one: Mapping[int, Estimate], other: Mapping[int, Estimate]) -> bool:
    """True if the complex steps are no derivative, for example because the function takes a real part."""
    for place, estimate in one.items():
        known = np.isfinite(other[place].error)
        distance = np.abs(estimate.value - other[place].value)
        if (known & (distance > estimate.reach + other[place].reach)).any():
            return True
    return False
