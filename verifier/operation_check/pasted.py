"""Write an input as code that can be pasted below an operation, with its results as comments."""

from collections.abc import Iterator

import numpy as np

from reference_impl.array import Array
from verifier.operation_check.answers import FORWARD
from verifier.operation_check.cases import Case
from verifier.operation_check.finding import Finding
from verifier.operation_check.judging import Judged
from verifier.operation_check.trying import called
from verifier.operation_check.written import WrittenOperation

_LONGEST = 6  # digits of a number in a comment


def pasted(operation: WrittenOperation, judged: Judged, finding: Finding) -> str:
    """Return code that reproduces a finding. It requires only the operation under its own name."""
    names = operation.arguments[: len(judged.case.arguments)]
    lines = ["import numpy as np", *_argument_lines(operation, judged, names)]
    upstream = judged.tried.upstream
    call = ", ".join([*names, *(f"{key}={value!r}" for key, value in operation.keywords.items())])
    lines += _call_lines(operation, call, "" if upstream is None else literal(upstream), names)
    return "\n".join([*lines, *_result_comments(judged, finding)])


def pasted_twice(operation: WrittenOperation, one: Case, other: Case, finding: Finding) -> str:
    """Return code of two uses of which the second has another result than it would have alone."""
    names = operation.arguments[: len(one.arguments)]
    lines = ["import numpy as np", ""]
    for case, suffix in ((other, "_before"), (one, "")):
        for name, array in zip(names, case.arguments, strict=True):
            lines.append(f"{name}{suffix} = {literal(array)}")
    value = called("forward", operation.begin().forward, *(array.copy() for array in one.arguments))
    upstream = literal(one.upstream(np.shape(value)))
    operation_name = "operation" if operation.form == "lecture" else operation.name
    if operation.form == "lecture":
        constructor = f"{operation.name}({operation.made_with})"
        lines.append(
            f"operation = {constructor}"
            if operation.is_class
            else f"# operation: the {operation.name} checked"
        )
    contexts = ("", "") if operation.form == "lecture" else ("before, ", "context, ")
    lines += ["before, context = [], []"] if operation.form != "lecture" else []
    for context, suffix in zip(contexts, ("_before", ""), strict=True):
        call = ", ".join(f"{name}{suffix}" for name in names)
        keywords = "".join(f", {key}={value!r}" for key, value in operation.keywords.items())
        lines.append(f"print({operation_name}.forward({context}{call}{keywords}))")
        lines.append(f"print({operation_name}.backward({context}{upstream}))")
    return "\n".join([*lines, f"# {finding.explanation}"])


def _argument_lines(operation: WrittenOperation, judged: Judged, names: tuple[str, ...]) -> Iterator[str]:
    if operation.on_tensors:
        yield "from edugrad import Tensor"
    yield ""
    for name, array in zip(names, judged.case.arguments, strict=True):
        yield f"{name} = Tensor({literal(array)})" if operation.on_tensors else f"{name} = {literal(array)}"


def _call_lines(
    operation: WrittenOperation, call: str, upstream: str, names: tuple[str, ...]
) -> Iterator[str]:
    if operation.on_tensors:
        yield f"result = {operation.name}({call})"
        if upstream:
            yield f"result.grad = {upstream}"
            yield "result._backward()"
            yield f"print({', '.join(f'{name}.grad' for name in names)})"
        return
    operation_name = operation.name
    context = "context, " if operation.form == "edugrad" else ""
    if not operation.is_class:
        operation_name = "operation"  # the variable name of the object is unknown
        yield f"# operation: the object that was checked, of class {operation.name}"
    elif operation.form == "lecture":
        yield f"operation = {operation.name}({operation.made_with})"
        operation_name = "operation"
    if context:
        yield "context = []"
    yield f"print({operation_name}.forward({context}{call}))"
    if upstream:
        yield f"print({operation_name}.backward({context}{upstream}))"


def _result_comments(judged: Judged, finding: Finding) -> Iterator[str]:
    comparison = judged.comparisons.get(finding.place)
    if comparison is not None and comparison.incorrect.any():
        word = "forward" if finding.place == FORWARD else f"the gradient of {finding.place}"
        yield f"# {word}: gives {_numbers(comparison.submitted)}, right is {_numbers(comparison.expected)}"
        return
    for other in judged.findings:
        if (other.kind, other.place) == (finding.kind, finding.place):
            yield f"# {other.explanation}"
            return


def literal(array: Array) -> str:
    """Return the array as a Python expression."""
    if array.size == 0:
        return f"np.zeros({array.shape}{', dtype=int' if array.dtype.kind == 'i' else ''})"
    return f"np.array({array.tolist()!r})"


def _numbers(array: Array) -> str:
    with np.printoptions(precision=_LONGEST, suppress=False):
        return np.array2string(np.asarray(array) + 0.0, separator=", ").replace("\n", "")
