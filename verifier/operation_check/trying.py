"""One use of an operation on given numbers: what it computed, and what it did besides."""

import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import without_tensors
from verifier.documents.mistakes import encodable
from verifier.graphs.shapes import Shape
from verifier.operation_check.finding import Finding, seen
from verifier.operation_check.written import WrittenOperation

_LONGEST = 200  # characters of somebody's message
_REFUSALS = (ValueError, TypeError, NotImplementedError, AssertionError)


class OperationRaised(Exception):  # noqa: N818 -- it tells what the operation did
    """What forward or backward raised, and on which line of theirs. refuses: it may be meant as a refusal."""

    def __init__(self, place: str, error: BaseException) -> None:
        self.place = place
        text = encodable(error)[:_LONGEST]
        self.error = f"{type(error).__name__}{': ' if text else ''}{text}"
        self.line = _line(error)
        self.refuses = place == "forward" and isinstance(error, _REFUSALS)
        super().__init__(self.error)

    def finding(self) -> Finding:
        return seen("raises", self.place, error=self.error, line=self.line)


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """value: None where there is none. gradients: by argument, None where none can be judged.

    upstream: the gradient of the output that backward was given. refused: why forward did not take the
    arguments. notes: what is not wrong but worth knowing, by code.
    """

    value: Array | None
    upstream: Array | None
    gradients: tuple[Array | None, ...]
    findings: tuple[Finding, ...]
    refused: OperationRaised | None = None
    notes: dict[str, str] = field(default_factory=dict)


def called(place: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call somebody's code. Raises: OperationRaised for whatever it raises."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they warn of shows in the numbers
            return function(*arguments)
    except (Exception, SystemExit) as error:
        raise OperationRaised(place, error) from None


def numbers(value: Any) -> Array | None:
    """Give an array of real numbers in float64; None for what is none."""
    try:
        array = np.asarray(without_tensors(value))
    except (ValueError, TypeError, RuntimeError):
        return None
    if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
        return None
    return array.astype(np.float64)


def tried(
    operation: WrittenOperation,
    arguments: Sequence[Array],
    upstream_for: Callable[[Shape], Array],
    data: Sequence[int] = (),
) -> Tried:
    """Go forward and back once. data: places of arguments that have no gradient."""
    names = operation.arguments[: len(arguments)]
    given = [argument.copy() for argument in arguments]
    use = operation.begin()
    try:
        raw = called("forward", use.forward, *given)
    except OperationRaised as raised:
        return Tried(None, None, (None,) * len(names), (raised.finding(),), raised)
    value = numbers(raw)
    if value is None:
        found = "nothing (None)" if raw is None else _described(raw)
        return Tried(None, None, (None,) * len(names), (seen("no-value", "forward", found=found),))
    value = value.copy()
    findings = [*_changed("forward", names, arguments, given)]
    upstream = upstream_for(tuple(value.shape))
    handed = upstream.copy()
    given = [argument.copy() for argument in arguments] if findings else given
    try:
        back = called("backward", use.backward, handed)
    except OperationRaised as raised:
        return Tried(value, upstream, (None,) * len(names), (*findings, raised.finding()))
    read = _gradients(back, names, arguments, data)
    findings += read.findings
    if not findings:
        findings += _changed("backward", names, arguments, given)
        findings += _changed("backward", ("the gradient of the output",), (upstream,), (handed,))
    notes = dict(read.notes)
    if shared := _shared(back, names, given, handed):
        notes["shares-memory"] = shared
    return Tried(value, upstream, read.gradients, tuple(findings), None, notes)


def _gradients(back: Any, names: Sequence[str], arguments: Sequence[Array], data: Sequence[int]) -> Tried:
    """Read what backward returned: one gradient an argument, or of those alone that have one."""
    parts = _parts(back, arguments)
    asked = [place for place in range(len(names)) if place not in data]
    if len(parts) == len(names):
        by_place = dict(enumerate(parts))
    elif len(parts) == len(asked):
        by_place = dict(zip(asked, parts, strict=True))
    else:
        found = "nothing (None)" if back is None else _counted(len(parts), "gradient")
        expected = _counted(len(names), "argument")
        own = seen("gradient-count", "backward", found=found, expected=expected)
        return Tried(None, None, (None,) * len(names), (own,))
    gradients: list[Array | None] = [None] * len(names)
    findings: list[Finding] = []
    notes: dict[str, str] = {}
    for place in asked:
        part, name = by_place[place], names[place]
        array = numbers(part)
        if part is None:
            findings.append(seen("gradient-missing", name))
        elif array is None:
            findings.append(seen("gradient-not-numbers", name, found=_described(part)))
        else:
            gradients[place] = array
            if (kind := np.asarray(without_tensors(part)).dtype) != np.float64:
                notes["other-precision"] = (
                    f"the gradient of {name} is {kind}, where float64 was given: digits are lost"
                )
    return Tried(None, None, tuple(gradients), tuple(findings), None, notes)


def _parts(back: Any, arguments: Sequence[Array]) -> list[Any]:
    """Take apart what holds several gradients; of one argument it may be the gradient itself, or hold it."""
    if not isinstance(back, list | tuple):
        return [] if back is None and len(arguments) > 1 else [back]
    of_one = len(arguments) == 1 and all(np.ndim(part) == 0 for part in back)
    return [back] if of_one and (len(back) != 1 or arguments[0].shape == (1,)) else list(back)


def _changed(
    place: str, names: Sequence[str], before: Sequence[Array], after: Sequence[Array]
) -> list[Finding]:
    for name, old, new in zip(names, before, after, strict=True):
        if not np.array_equal(old, new, equal_nan=True):
            return [seen("argument-changed", place, found=name)]
    return []


def _shared(back: Any, names: Sequence[str], given: Sequence[Array], handed: Array) -> str:
    """Say which returned gradient is no array of its own; adding into it would change another."""
    parts = [
        (name, part)
        for name, part in zip(names, _parts(back, given), strict=False)
        if isinstance(part, np.ndarray) and part.ndim
    ]
    for at, (name, part) in enumerate(parts):
        for other, array in [*zip(names, given, strict=True), ("the gradient of the output", handed)]:
            if np.shares_memory(part, array):
                return (
                    f"the gradient of {name} shares its memory with {other}: add to a copy of it, not to it"
                )
        for other, array in parts[:at]:
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
    """Say where in their code it was raised: the last line that is neither numpy's nor this project's."""
    others = (str(Path(__file__).parent), str(Path(np.__file__).parent))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(others):
            text = f": {frame.line}" if frame.line else ""
            return f", in line {frame.lineno} of {Path(frame.filename).name}{text}"
    return ""
