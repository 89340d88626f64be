"""An input as code to be pasted below an operation, with what it gives and what is right as comments."""

from collections.abc import Iterator

import numpy as np

from reference_impl.array import Array
from verifier.operation_check.answers import FORWARD
from verifier.operation_check.cases import Case
from verifier.operation_check.finding import Finding
from verifier.operation_check.judging import Judged
from verifier.operation_check.trying import called
from verifier.operation_check.written import WrittenOperation

_LONGEST = 6  # digits of a number in a comment beyond which it is no small whole one


def pasted(operation: WrittenOperation, judged: Judged, finding: Finding) -> str:
    """Give the lines that show a finding. They need the operation under its own name, and nothing else."""
    names = operation.arguments[: len(judged.case.arguments)]
    lines = ["import numpy as np", *_given(operation, judged, names)]
    upstream = judged.tried.upstream
    call = ", ".join([*names, *(f"{key}={value!r}" for key, value in operation.keywords.items())])
    lines += _calls(operation, call, "" if upstream is None else literal(upstream), names)
    return "\n".join([*lines, *_outcome(judged, finding)])


def pasted_twice(operation: WrittenOperation, one: Case, other: Case, finding: Finding) -> str:
    """Give the lines of two uses, the second of which is not what it would be alone."""
    names = operation.arguments[: len(one.arguments)]
    lines = ["import numpy as np", ""]
    for case, suffix in ((other, "_before"), (one, "")):
        for name, array in zip(names, case.arguments, strict=True):
            lines.append(f"{name}{suffix} = {literal(array)}")
    value = called("forward", operation.begin().forward, *(own.copy() for own in one.arguments))
    upstream = literal(one.upstream(np.shape(value)))
    own = "operation" if operation.form == "lecture" else operation.name
    if operation.form == "lecture":
        made = f"{operation.name}({operation.made_with})"
        lines.append(
            f"operation = {made}" if operation.is_class else f"# operation: the {operation.name} checked"
        )
    contexts = ("", "") if operation.form == "lecture" else ("before, ", "context, ")
    lines += ["before, context = [], []"] if operation.form != "lecture" else []
    for context, suffix in zip(contexts, ("_before", ""), strict=True):
        call = ", ".join(f"{name}{suffix}" for name in names)
        keywords = "".join(f", {key}={value!r}" for key, value in operation.keywords.items())
        lines.append(f"print({own}.forward({context}{call}{keywords}))")
        lines.append(f"print({own}.backward({context}{upstream}))")
    return "\n".join([*lines, f"# {finding.explanation}"])


def _given(operation: WrittenOperation, judged: Judged, names: tuple[str, ...]) -> Iterator[str]:
    if operation.on_tensors:
        yield "from edugrad import Tensor"
    yield ""
    for name, array in zip(names, judged.case.arguments, strict=True):
        yield f"{name} = Tensor({literal(array)})" if operation.on_tensors else f"{name} = {literal(array)}"


def _calls(operation: WrittenOperation, call: str, upstream: str, names: tuple[str, ...]) -> Iterator[str]:
    if operation.on_tensors:
        yield f"result = {operation.name}({call})"
        if upstream:
            yield f"result.grad = {upstream}"
            yield "result._backward()"
            yield f"print({', '.join(f'{name}.grad' for name in names)})"
        return
    own = operation.name
    context = "context, " if operation.form == "edugrad" else ""
    if not operation.is_class:
        own = "operation"  # an object, by whatever name it has
        yield f"# operation: the object that was checked, of class {operation.name}"
    elif operation.form == "lecture":
        yield f"operation = {operation.name}({operation.made_with})"
        own = "operation"
    if context:
        yield "context = []"
    yield f"print({own}.forward({context}{call}))"
    if upstream:
        yield f"print({own}.backward({context}{upstream}))"


def _outcome(judged: Judged, finding: Finding) -> Iterator[str]:
    row = judged.comparisons.get(finding.place)
    if row is not None and row.incorrect.any():
        word = "forward" if finding.place == FORWARD else f"the gradient of {finding.place}"
        yield f"# {word}: gives {_numbers(row.submitted)}, right is {_numbers(row.expected)}"
        return
    for own in judged.findings:
        if (own.kind, own.place) == (finding.kind, finding.place):
            yield f"# {own.explanation}"
            return


def literal(array: Array) -> str:
    """Write an array as Python does."""
    if array.size == 0:
        return f"np.zeros({array.shape}{', dtype=int' if array.dtype.kind == 'i' else ''})"
    return f"np.array({array.tolist()!r})"


def _numbers(array: Array) -> str:
    with np.printoptions(precision=_LONGEST, suppress=False):
        return np.array2string(np.asarray(array) + 0.0, separator=", ").replace("\n", "")
