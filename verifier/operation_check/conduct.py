"""What an operation does besides computing: what it keeps from one use to the next."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.operation_check.cases import Case
from verifier.operation_check.finding import Finding, seen
from verifier.operation_check.trying import OperationRaised, called, numbers
from verifier.operation_check.written import WrittenOperation

OF_TWO_USES = ("state-kept", "not-repeatable")  # kinds of findings that one use does not show
_CLOSE = 1e-9  # relative: two computations of one thing may differ by rounding


def kept_state(operation: WrittenOperation, one: Case, other: Case) -> Iterator[Finding]:
    """Use it twice, in the orders in which a graph does; every backward belongs to its own forward.

    one, other: numbers of the same shapes. What it raises at its first use is none of this.
    """
    first = True
    try:
        fresh = operation.begin()
        value = called("forward", fresh.forward, *_copies(one.arguments))
        upstream = one.upstream(np.shape(value))
        alone = called("backward", fresh.backward, upstream.copy())
        first = False
        again = called("forward", operation.begin().forward, *_copies(one.arguments))
        if not _alike(value, again):
            yield seen("not-repeatable", "forward")
            return
        for how, differing in _orders(operation, one.arguments, other.arguments, upstream):
            place = _difference(operation, alone, differing)
            if place:
                yield seen("state-kept", place, found=how)
                return
    except OperationRaised as raised:
        if not first:
            yield seen("state-kept", raised.place, found=f"an earlier use, with {raised.error}")
    except (TypeError, ValueError):  # the value is no array; that is told where it is judged
        return


def _orders(
    operation: WrittenOperation, arguments: Sequence[Array], others: Sequence[Array], upstream: Array
) -> Iterator[tuple[str, Any]]:
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


def _difference(operation: WrittenOperation, alone: Any, again: Any) -> str:
    """Name the first argument whose gradient is another one now; empty where none is."""
    one, other = _listed(alone), _listed(again)
    if len(one) != len(other):
        return "backward"
    for place, (own, new) in enumerate(zip(one, other, strict=True)):
        if not _alike(own, new):
            return operation.arguments[place] if place < len(operation.arguments) else "backward"
    return ""


def _listed(back: Any) -> list[Any]:
    return list(back) if isinstance(back, list | tuple) else [back]


def _alike(one: Any, other: Any) -> bool:
    x, y = numbers(one), numbers(other)
    if x is None or y is None:
        return (x is None) == (y is None)
    return x.shape == y.shape and np.allclose(x, y, rtol=_CLOSE, atol=0.0, equal_nan=True)
