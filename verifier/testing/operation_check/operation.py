"""Call forward and backward of an operation once and record the results and side effects."""

import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import tensors_to_numpy
from verifier.problem.errors import replace_surrogates
from verifier.problem.graph import Shape
from verifier.testing.operation_check.inputs import Case
from verifier.testing.operation_check.result import OperationFinding, make_finding
from verifier.testing.operation_check.written import UserOperation

_LONGEST = 200  # characters of an error message of the user's code
_REFUSALS = (ValueError, TypeError, NotImplementedError, AssertionError)


class OperationRaised(Exception):  # noqa: N818 -- an event, not an error of this package
    """Raised if forward or backward raises; holds the message and the line of the user's code.

    refuses: True if forward may have rejected its arguments intentionally.
    """

    def __init__(self, place: str, error: BaseException) -> None:
        self.place = place
        text = replace_surrogates(error)[:_LONGEST]
        self.error = f"{type(error).__name__}{': ' if text else ''}{text}"
        self.line = _line(error)
        self.refuses = place == "forward" and isinstance(error, _REFUSALS)
        super().__init__(self.error)

    def finding(self) -> OperationFinding:
        return make_finding("raises", self.place, error=self.error, line=self.line)


@dataclass(frozen=True, slots=True, eq=False)
class UseResult:
    """Result of one use of an operation.

    value: result of forward; None if it raised or returned no numbers.
    upstream: gradient of the output that was passed to backward.
    gradients: by argument; None for a gradient that cannot be judged.
    findings: errors that are visible without reference values.
    refused: exception of forward, if it raised.
    notes: remarks that are not errors, by code.
    dtypes: number formats of the gradients that backward returned as floating-point numbers.
    """

    value: Array | None
    upstream: Array | None
    gradients: tuple[Array | None, ...]
    findings: tuple[OperationFinding, ...]
    refused: OperationRaised | None = None
    notes: dict[str, str] = field(default_factory=dict)
    dtypes: tuple[np.dtype[Any], ...] = ()


def call_user_code(place: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call user code. Raises: OperationRaised for any exception.

    place: "forward" or "backward".
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the results are judged, so that warnings add nothing
            return function(*arguments)
    except (Exception, SystemExit) as error:
        raise OperationRaised(place, error) from None


def to_float64(value: Any) -> Array | None:
    """Return the value as an array of float64; None if it is no array of real numbers."""
    try:
        array = np.asarray(tensors_to_numpy(value))
    except (ValueError, TypeError, RuntimeError):
        return None
    if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
        return None
    return array.astype(np.float64)


def run_once(
    operation: UserOperation,
    arguments: Sequence[Array],
    upstream_for: Callable[[Shape], Array],
    data: Sequence[int] = (),
) -> UseResult:
    """Return the result of one forward and one backward.

    upstream_for: function of the value's shape that returns the gradient of the output.
    data: positions of arguments that have no gradient.
    """
    names = operation.arguments[: len(arguments)]
    passed = [argument.copy() for argument in arguments]
    use = operation.begin()
    try:
        raw = call_user_code("forward", use.forward, *passed)
    except OperationRaised as raised:
        return UseResult(None, None, (None,) * len(names), (raised.finding(),), raised)
    value = to_float64(raw)
    if value is None:
        description = "nothing (None)" if raw is None else _described(raw)
        return UseResult(
            None, None, (None,) * len(names), (make_finding("no-value", "forward", actual=description),)
        )
    value = value.copy()
    findings = [*_changed("forward", names, arguments, passed)]
    upstream = upstream_for(tuple(value.shape))
    passed_upstream = upstream.copy()
    passed = [argument.copy() for argument in arguments] if findings else passed
    try:
        returned = call_user_code("backward", use.backward, passed_upstream)
    except OperationRaised as raised:
        return UseResult(value, upstream, (None,) * len(names), (*findings, raised.finding()))
    backward = _read_gradients(returned, names, arguments, data)
    findings += backward.findings
    if not findings:
        findings += _changed("backward", names, arguments, passed)
        findings += _changed("backward", ("the gradient of the output",), (upstream,), (passed_upstream,))
    notes = dict(backward.notes)
    if shared := _shared_memory(returned, names, passed, passed_upstream):
        notes["shares-memory"] = shared
    return UseResult(value, upstream, backward.gradients, tuple(findings), None, notes, backward.dtypes)


def _read_gradients(
    returned: Any, names: Sequence[str], arguments: Sequence[Array], data: Sequence[int]
) -> UseResult:
    """Read the result of backward: one gradient per argument or per differentiable argument."""
    parts = _parts(returned, arguments)
    differentiable = [place for place in range(len(names)) if place not in data]
    if len(parts) == len(names):
        by_place = dict(enumerate(parts))
    elif len(parts) == len(differentiable):
        by_place = dict(zip(differentiable, parts, strict=True))
    else:
        returned_count = "nothing (None)" if returned is None else _counted(len(parts), "gradient")
        expected_count = _counted(len(names), "argument")
        finding = make_finding("gradient-count", "backward", actual=returned_count, expected=expected_count)
        return UseResult(None, None, (None,) * len(names), (finding,))
    gradients: list[Array | None] = [None] * len(names)
    findings: list[OperationFinding] = []
    notes: dict[str, str] = {}
    dtypes: list[np.dtype[Any]] = []
    for place in differentiable:
        part, name = by_place[place], names[place]
        array = to_float64(part)
        if part is None:
            findings.append(make_finding("gradient-missing", name))
        elif array is None:
            findings.append(make_finding("gradient-not-numbers", name, actual=_described(part)))
        else:
            gradients[place] = array
            kind = np.asarray(tensors_to_numpy(part)).dtype
            dtypes += [kind] if kind.kind == "f" else []
            if kind != np.float64:
                notes["other-precision"] = (
                    f"the gradient of {name} is {kind}, where float64 was given: digits are lost"
                )
    return UseResult(None, None, tuple(gradients), tuple(findings), None, notes, tuple(dtypes))


def _parts(returned: Any, arguments: Sequence[Array]) -> list[Any]:
    """Return the gradients in the result of backward.

    For one argument, the result is the gradient itself or a sequence that contains it.
    """
    if not isinstance(returned, list | tuple):
        return [] if returned is None and len(arguments) > 1 else [returned]
    is_one_gradient = len(arguments) == 1 and all(np.ndim(part) == 0 for part in returned)
    return (
        [returned]
        if is_one_gradient and (len(returned) != 1 or arguments[0].shape == (1,))
        else list(returned)
    )


def _changed(
    place: str, names: Sequence[str], before: Sequence[Array], after: Sequence[Array]
) -> list[OperationFinding]:
    for name, old, new in zip(names, before, after, strict=True):
        if not np.array_equal(old, new, equal_nan=True):
            return [make_finding("argument-changed", place, actual=name)]
    return []


def _shared_memory(returned: Any, names: Sequence[str], arguments: Sequence[Array], upstream: Array) -> str:
    """Return a note on the first gradient that shares memory with another array; empty if there is none.

    Adding to such a gradient in place would change the other array.
    """
    parts = [
        (name, part)
        for name, part in zip(names, _parts(returned, arguments), strict=False)
        if isinstance(part, np.ndarray) and part.ndim
    ]
    for index, (name, part) in enumerate(parts):
        for other, array in [*zip(names, arguments, strict=True), ("the gradient of the output", upstream)]:
            if np.shares_memory(part, array):
                return (
                    f"the gradient of {name} shares its memory with {other}: add to a copy of it, not to it"
                )
        for other, array in parts[:index]:
            if np.shares_memory(part, array):
                return f"the gradients of {other} and {name} share their memory: add to copies of them"
    return ""


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    return f"a {type(value).__name__}"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _line(error: BaseException) -> str:
    """Return the last traceback line in user code, which is code outside numpy and this package."""
    libraries = (str(Path(__file__).parent), str(Path(np.__file__).parent))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(libraries):
            text = f": {frame.line}" if frame.line else ""
            return f", in line {frame.lineno} of {Path(frame.filename).name}{text}"
    return ""


SIDE_EFFECTS = ("argument-changed", "state-kept", "not-repeatable")  # they say nothing about the numbers
TWO_USE_FINDINGS = ("state-kept", "not-repeatable")  # kinds of findings that require two uses
_CLOSE = 1e-9  # relative difference of two computations of the same value by rounding


def find_kept_state(operation: UserOperation, one: Case, other: Case) -> Iterator[OperationFinding]:
    """Yield at most one finding about kept state.

    The operation is used twice, in the orders that occur in graphs: each backward must belong to the forward
    of its own use. Exceptions of the first use are ignored here.

    one, other: cases with the same shapes.
    """
    first = True
    try:
        fresh = operation.begin()
        value = call_user_code("forward", fresh.forward, *_copies(one.arguments))
        upstream = one.upstream(np.shape(value))
        alone = call_user_code("backward", fresh.backward, upstream.copy())
        first = False
        again = call_user_code("forward", operation.begin().forward, *_copies(one.arguments))
        if not _is_close(value, again):
            yield make_finding("not-repeatable", "forward")
            return
        for description, gradients in _gradients_by_order(
            operation, one.arguments, other.arguments, upstream
        ):
            place = _changed_argument(operation, alone, gradients)
            if place:
                yield make_finding("state-kept", place, actual=description)
                return
    except OperationRaised as raised:
        if not first:
            yield make_finding("state-kept", raised.place, actual=f"an earlier use, with {raised.error}")
    except (TypeError, ValueError):  # the value is no array, which is reported when it is judged
        return


def _gradients_by_order(
    operation: UserOperation, arguments: Sequence[Array], others: Sequence[Array], upstream: Array
) -> Iterator[tuple[str, Any]]:
    """Yield a description of each order of calls, and the gradients that it returns."""
    use = operation.begin()
    call_user_code("forward", use.forward, *_copies(others))
    call_user_code("backward", use.backward, upstream.copy())
    call_user_code("forward", use.forward, *_copies(arguments))
    yield "a second forward on other numbers", call_user_code("backward", use.backward, upstream.copy())
    yield "a second backward", call_user_code("backward", use.backward, upstream.copy())
    if operation.is_class:  # two nodes of one graph
        first, second = operation.begin(), operation.begin()
        call_user_code("forward", first.forward, *_copies(arguments))
        call_user_code("forward", second.forward, *_copies(others))
        yield "the forward of another use", call_user_code("backward", first.backward, upstream.copy())


def _copies(arguments: Sequence[Array]) -> list[Array]:
    return [argument.copy() for argument in arguments]


def _changed_argument(operation: UserOperation, alone: Any, again: Any) -> str:
    """Return the first argument whose gradient has changed; empty if there is none."""
    before, after = _as_list(alone), _as_list(again)
    if len(before) != len(after):
        return "backward"
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if not _is_close(old, new):
            return operation.arguments[place] if place < len(operation.arguments) else "backward"
    return ""


def _as_list(returned: Any) -> list[Any]:
    return list(returned) if isinstance(returned, list | tuple) else [returned]


def _is_close(a: Any, b: Any) -> bool:
    x, y = to_float64(a), to_float64(b)
    if x is None or y is None:
        return (x is None) == (y is None)
    return x.shape == y.shape and np.allclose(x, y, rtol=_CLOSE, atol=0.0, equal_nan=True)
