"""Detect state that an operation keeps from one use to the next."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.operation_check.cases import Case
from verifier.operation_check.finding import Finding, seen
from verifier.operation_check.trying import OperationRaised, called, numbers
from verifier.operation_check.written import WrittenOperation

OF_TWO_USES = ("state-kept", "not-repeatable")  # kinds of findings that require two uses
_CLOSE = 1e-9  # relative difference of two computations of the same value by rounding


def kept_state(operation: WrittenOperation, one: Case, other: Case) -> Iterator[Finding]:
    """Yield at most one finding about kept state.

    The operation is used twice, in the orders that occur in graphs: each backward must belong to the forward
    of its own use. Exceptions of the first use are ignored here.

    one, other: cases with the same shapes.
    """
    first = True
    try:
        fresh = operation.begin()
        value = called("forward", fresh.forward, *_copies(one.arguments))
        upstream = one.upstream(np.shape(value))
        alone = called("backward", fresh.backward, upstream.copy())
        first = False
        again = called("forward", operation.begin().forward, *_copies(one.arguments))
        if not _is_close(value, again):
            yield seen("not-repeatable", "forward")
            return
        for description, gradients in _gradients_by_order(
            operation, one.arguments, other.arguments, upstream
        ):
            place = _changed_argument(operation, alone, gradients)
            if place:
                yield seen("state-kept", place, found=description)
                return
    except OperationRaised as raised:
        if not first:
            yield seen("state-kept", raised.place, found=f"an earlier use, with {raised.error}")
    except (TypeError, ValueError):  # the value is no array, which is reported when it is judged
        return


def _gradients_by_order(
    operation: WrittenOperation, arguments: Sequence[Array], others: Sequence[Array], upstream: Array
) -> Iterator[tuple[str, Any]]:
    """Yield a description of each order of calls, and the gradients that it returns."""
    use = operation.begin()
    called("forward", use.forward, *_copies(others))
    called("backward", use.backward, upstream.copy())
    called("forward", use.forward, *_copies(arguments))
    yield "a second forward on other numbers", called("backward", use.backward, upstream.copy())
    yield "a second backward", called("backward", use.backward, upstream.copy())
    if operation.is_class:  # two nodes of one graph
        first, second = operation.begin(), operation.begin()
        called("forward", first.forward, *_copies(arguments))
        called("forward", second.forward, *_copies(others))
        yield "the forward of another use", called("backward", first.backward, upstream.copy())


def _copies(arguments: Sequence[Array]) -> list[Array]:
    return [argument.copy() for argument in arguments]


def _changed_argument(operation: WrittenOperation, alone: Any, again: Any) -> str:
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
    x, y = numbers(a), numbers(b)
    if x is None or y is None:
        return (x is None) == (y is None)
    return x.shape == y.shape and np.allclose(x, y, rtol=_CLOSE, atol=0.0, equal_nan=True)
