"""What the oracles answer about a function that is known by its values alone."""

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

_ROUNDINGS = 2.0**-46  # relative to the terms: what an operation without formulas may honestly lose


class GivenRaised(Exception):  # noqa: N818 -- it tells what a function that was given did
    """A function to hold an operation against does not take these arguments."""


def of_functions(
    operation: WrittenOperation, reference: Reference, arguments: Sequence[Array], tried: Tried, quick: bool
) -> Asked:
    """Differentiate what is given: a function of numpy, one of PyTorch, and without both forward itself.

    Raises: GivenRaised where a given function does not take these arguments.
    """
    assert tried.value is not None
    assert tried.upstream is not None
    names = operation.arguments[: len(arguments)]
    places = range(len(arguments))
    answers: dict[str, Answer] = {}
    function = function_of(operation, reference)
    differences = by_differences(function, arguments, places, tried.upstream)
    allowance = {names[place]: _ROUNDINGS * scale for place, scale in differences.scale.items()}
    scale = {names[place]: own for place, own in differences.scale.items()}
    if not quick:
        steps = by_complex_steps(function, arguments, places, tried.upstream)
        if steps is not None and not _contradict(steps.estimates, differences.estimates):
            answers["complex_step"] = _answer(names, _smooth(steps.estimates, differences.estimates))
        if reference.in_torch is not None:
            answers["autograd"] = _by_torch(reference, names, arguments, tried.upstream, differences)
    answers["finite_differences"] = _answer(names, differences.estimates)
    if reference.in_numpy is not None:
        value = np.asarray(function(*arguments), dtype=np.float64)
        lost = _ROUNDINGS * np.abs(value)
        answers["numpy"] = Answer({FORWARD: Estimate(value, lost)}, Uncertainty.ESTIMATE)
    row = taken_at_its_word(operation.name, tuple(tried.value.shape), [])
    problem = problem_of(row, Fit(tuple(tried.value.shape)), operation, arguments, tried.upstream, ())
    known = next(
        (answer.gradient[FORWARD].value for answer in answers.values() if FORWARD in answer.gradient), None
    )
    if known is not None:
        size = np.abs(known)
        allowance[FORWARD], scale[FORWARD] = _ROUNDINGS * size, size
    return Asked(problem, answers, allowance, scale, _values(problem, arguments, tried), of_row=False)


def shape_of_given(
    operation: WrittenOperation, reference: Reference, arguments: Sequence[Array]
) -> Shape | None:
    """Give the shape of what a given function of numpy gives; None without one. Raises: GivenRaised."""
    if reference.in_numpy is None:
        return None
    return tuple(np.shape(function_of(operation, reference)(*arguments)))


def of_forward(
    operation: WrittenOperation, arguments: Sequence[Array], tried: Tried, data: Sequence[int]
) -> dict[str, Answer]:
    """Differentiate somebody's forward, whatever it should have been."""
    assert tried.upstream is not None
    names = operation.arguments[: len(arguments)]
    places = [place for place in range(len(arguments)) if place not in data]

    forward = own_forward(operation)
    differences = by_differences(forward, arguments, places, tried.upstream)
    found = {"differences_of_forward": _answer(names, differences.estimates)}
    steps = by_complex_steps(forward, arguments, places, tried.upstream)
    if steps is not None and not _contradict(steps.estimates, differences.estimates):
        smooth = _smooth(steps.estimates, differences.estimates)
        found["complex_step_of_forward"] = _answer(names, smooth)
    return found


def own_forward(operation: WrittenOperation) -> Callable[..., Any]:
    """Give forward as a function, a fresh use for every call. It raises OperationRaised."""

    def forward(*arguments: Any) -> Any:
        return called("forward", operation.begin().forward, *(own.copy() for own in arguments))

    return forward


def function_of(operation: WrittenOperation, reference: Reference) -> Callable[..., Any]:
    if reference.in_numpy is None:
        return own_forward(operation)
    given = reference.in_numpy

    def function(*arguments: Any) -> Any:
        try:
            found = np.asarray(given(*(own.copy() for own in arguments), **reference.options))
        except Exception as error:  # it is somebody's
            raise GivenRaised(f"{type(error).__name__}: {str(error)[:200]}") from None
        if found.dtype.kind not in "fciub":
            raise GivenRaised(f"it gives no array of numbers, but {found.dtype}")
        return found

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
    except (ImportError, OSError) as error:  # OSError: a PyTorch whose own libraries do not load
        return Answer({}, Uncertainty.UNKNOWN, reason=f"PyTorch cannot be imported: {error}")
    assert reference.in_torch is not None
    tensors = [torch.tensor(own.copy(), requires_grad=True) for own in arguments]
    try:
        value = reference.in_torch(*tensors, **reference.options)
        weights = torch.tensor(upstream.copy()).reshape(value.shape)
        found = torch.autograd.grad(value, tensors, weights, allow_unused=True)
    except Exception as error:  # the function is somebody's
        raise GivenRaised(f"{type(error).__name__}: {str(error)[:200]}") from None
    estimates = {}
    for place, (own, grad) in enumerate(zip(arguments, found, strict=True)):
        gradient = np.zeros(own.shape) if grad is None else grad.numpy()
        estimates[place] = Estimate(gradient, _ROUNDINGS * differences.scale[place])
    own_value = value.detach().numpy()
    answer = _answer(names, _smooth(estimates, differences.estimates))
    return with_answer(answer, FORWARD, Estimate(own_value, _ROUNDINGS * np.abs(own_value)))


def _values(problem: GraphProblem, arguments: Sequence[Array], tried: Tried) -> dict[str, Array]:
    assert tried.value is not None
    assert tried.upstream is not None
    own, weighed, total = problem.nodes
    product = tried.value * tried.upstream
    leaves = dict(problem.leaves())
    return leaves | {own.name: tried.value, weighed.name: product, total.name: np.asarray(product.sum())}


def _answer(names: Sequence[str], estimates: Mapping[int, Estimate]) -> Answer:
    return Answer({names[place]: own for place, own in estimates.items()}, Uncertainty.ESTIMATE)


def _smooth(one: Mapping[int, Estimate], differences: Mapping[int, Estimate]) -> dict[int, Estimate]:
    """Leave out what stands at a kink, of which one way to a slope sees one side."""
    found = {}
    for place, own in one.items():
        slopes = differences[place].slopes
        error = own.error if slopes is None else np.where(slopes > 0, np.inf, own.error)
        found[place] = Estimate(own.value, error)
    return found


def _contradict(one: Mapping[int, Estimate], other: Mapping[int, Estimate]) -> bool:
    """Whether complex steps are no derivative: their function took a real part, or a size."""
    for place, estimate in one.items():
        known = np.isfinite(other[place].error)
        distance = np.abs(estimate.value - other[place].value)
        if (known & (distance > estimate.reach + other[place].reach)).any():
            return True
    return False
