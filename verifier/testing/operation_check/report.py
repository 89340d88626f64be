"""Combine the judged uses of an operation into one report."""

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.catalogue.bug import LOCAL_RULE
from verifier.judging.statistics import report_parameter
from verifier.problem.errors import ReportWarning
from verifier.problem.submission import TOLERANCES, Convention
from verifier.report.model import Diagnosis, Evidence, LossReport, ParameterReport
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.testing.operation_check.answers import FORWARD
from verifier.testing.operation_check.compare import JudgedUse
from verifier.testing.operation_check.further_inputs import Shapes
from verifier.testing.operation_check.inputs import Case
from verifier.testing.operation_check.operation import OperationRaised, call_user_code
from verifier.testing.operation_check.references import CheckPlan, Reference
from verifier.testing.operation_check.result import OperationFinding
from verifier.testing.operation_check.structures import literal
from verifier.testing.operation_check.written import UserOperation

_LONGEST = 6  # digits of a number in a comment
_MOST_WRITTEN = 64  # numbers in a comment


def reproduction_code(operation: UserOperation, judged: JudgedUse, finding: OperationFinding) -> str:
    """Return code that reproduces a finding. It requires only the operation under its own name."""
    names = operation.arguments[: len(judged.case.arguments)]
    upstream = judged.tried.upstream
    if operation.code is not None:
        lines = [*operation.code(judged.case.arguments, np.ones(()) if upstream is None else upstream)]
        return "\n".join([*lines, *_result_comments(judged, finding)])
    lines = ["import numpy as np", *_argument_lines(operation, judged, names)]
    call = ", ".join([*names, *(f"{key}={value!r}" for key, value in operation.keywords.items())])
    lines += _call_lines(operation, call, "" if upstream is None else literal(upstream), names)
    return "\n".join([*lines, *_result_comments(judged, finding)])


def two_use_code(operation: UserOperation, one: Case, other: Case, finding: OperationFinding) -> str:
    """Return code of two uses of which the second has another result than it would have alone."""
    names = operation.arguments[: len(one.arguments)]
    lines = ["import numpy as np", ""]
    for case, suffix in ((other, "_before"), (one, "")):
        for name, array in zip(names, case.arguments, strict=True):
            lines.append(f"{name}{suffix} = {literal(array)}")
    value = call_user_code("forward", operation.begin().forward, *(array.copy() for array in one.arguments))
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


def _argument_lines(operation: UserOperation, judged: JudgedUse, names: tuple[str, ...]) -> Iterator[str]:
    if operation.on_tensors:
        yield "from edugrad import Tensor"
    yield ""
    for name, array in zip(names, judged.case.arguments, strict=True):
        yield f"{name} = Tensor({literal(array)})" if operation.on_tensors else f"{name} = {literal(array)}"


def _call_lines(operation: UserOperation, call: str, upstream: str, names: tuple[str, ...]) -> Iterator[str]:
    """Yield calls of forward and backward of a class or an object."""
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


def _result_comments(judged: JudgedUse, finding: OperationFinding) -> Iterator[str]:
    comparison = judged.comparisons.get(finding.place)
    if comparison is not None and comparison.incorrect.any():
        word = "forward" if finding.place == FORWARD else f"the gradient of {finding.place}"
        yield f"# {word}: gives {_numbers(comparison.submitted)}, right is {_numbers(comparison.expected)}"
        return
    for other in judged.findings:
        if (other.kind, other.place) == (finding.kind, finding.place):
            yield f"# {other.explanation}"
            return


def _numbers(array: Array) -> str:
    """Return the numbers of an array; of a large one the beginning and the end."""
    with np.printoptions(precision=_LONGEST, suppress=False, threshold=_MOST_WRITTEN):
        return np.array2string(np.asarray(array) + 0.0, separator=", ").replace("\n", "")


_NAMED = 6  # shapes in one warning


def is_decided(reference: Reference, judged: Sequence[JudgedUse]) -> bool:
    """True if the comparison is decided on every input; without a formula, on at least one input.

    On some inputs, such as a normalisation of two equal numbers, finite differences cannot distinguish a
    slope from 0.
    """
    decided = [use.is_decided for use in compared(judged)]
    return all(decided) if reference.row is not None else any(decided)


def compared(judged: Sequence[JudgedUse]) -> list[JudgedUse]:
    """Return the uses in which numbers were compared."""
    return [use for use in judged if any(row.submitted.size for row in use.comparisons.values())]


def operation_warnings(
    plan: CheckPlan, judged: Sequence[JudgedUse], refused: Mapping[Shapes, OperationRaised]
) -> Iterator[ReportWarning]:
    """Yield the warnings.

    refused: exceptions by the shapes that forward does not accept.
    """
    if refused and plan.reference.row is not None:
        named = ", ".join(" and ".join(map(str, shapes)) for shapes in list(refused)[:_NAMED])
        raised = next(iter(refused.values()))
        yield ReportWarning(
            "shapes-not-taken",
            f"forward refuses {named}, which {plan.reference.name} takes: {raised.error}",
        )
    notes: dict[str, str] = {}
    for use in judged:
        notes = {**use.tried.notes, **notes}
    yield from (ReportWarning(code, detail) for code, detail in notes.items())
    kinked = [
        name
        for use in judged
        for name, row in use.comparisons.items()
        if row.subgradient.any() and row.correct.any()
    ]
    if kinked:
        named = ", ".join(dict.fromkeys(kinked))
        yield ReportWarning("kink", f"where several slopes are right, any of them is accepted in {named}")
    yield from _undecided(judged)
    yield from _left_out(plan, judged)
    if (
        plan.reference.row is None
        and plan.reference.in_numpy is None
        and plan.reference.in_torch is None
        and not plan.reference.is_definition
    ):
        yield ReportWarning(
            "forward-at-its-word",
            "the forward pass was not checked; pass like=… to compare it with a name or a function",
        )
    if not any(use.consensus is not None for use in judged):
        yield ReportWarning("nothing-compared", "no numbers could be compared")


def _left_out(plan: CheckPlan, judged: Sequence[JudgedUse]) -> Iterator[ReportWarning]:
    """Yield warnings about numbers that were not judged one by one, or not at all."""
    for use in judged[:1]:
        names = plan.operation.arguments
        arrays = use.case.arguments
        sampled = [
            f"{rows.size} of {arrays[names.index(name)].size} of {name}"
            for name, rows in use.sampled.items()
            if rows.size < arrays[names.index(name)].size
        ]
        if sampled:
            yield ReportWarning(
                "sampled",
                f"compared one by one: {', '.join(sampled)}; the others together, along random directions",
            )
        left = [names[place] for place in plan.reference.fixed if arrays[place].dtype.kind == "f"]
        if left:
            yield ReportWarning("not-differentiated", f"no gradient was returned for {', '.join(left)}")


def _undecided(judged: Sequence[JudgedUse]) -> Iterator[ReportWarning]:
    inputs = compared(judged)
    counts = [
        {name: int(use.undecided(name).sum()) for name in use.comparisons if use.undecided(name).any()}
        for use in inputs
    ]
    entries = sum(sum(by_name.values()) for by_name in counts)
    if entries:
        named = ", ".join(dict.fromkeys(name for by_name in counts for name in by_name))
        yield ReportWarning(
            "undecided-entries",
            f"on {sum(map(bool, counts))} of {len(inputs)} inputs, {entries} "
            f"{'entry' if entries == 1 else 'entries'} of {named} could not be decided: the slope there is "
            "known less well than its size; the verdict is that of the other entries",
        )


def merge_evidence(evidence: Iterable[Sequence[Evidence]]) -> tuple[Evidence, ...]:
    """Return the evidence of each oracle over all uses."""
    by_oracle: dict[str, Evidence] = {}
    for rows in evidence:
        for row in rows:
            by_oracle[row.oracle] = _combine(by_oracle[row.oracle], row) if row.oracle in by_oracle else row
    return tuple(by_oracle.values())


def _combine(one: Evidence, other: Evidence) -> Evidence:
    agreements = [row.agrees for row in (one, other) if row.agrees is not None]
    distances = [row.max_disagreement for row in (one, other) if row.max_disagreement is not None]
    return Evidence(
        one.oracle,
        one.entries + other.entries,
        all(agreements) if agreements else None,
        max(distances) if distances else None,
        one.uncertainty,
        one.reason or other.reason,
    )


def build_report(
    operation: UserOperation,
    judged: Sequence[JudgedUse],
    verdict: Verdict,
    findings: Sequence[OperationFinding],
    warnings: Sequence[ReportWarning],
    evidence: tuple[Evidence, ...],
) -> Report | None:
    """Return the report on one use; None if there are no comparisons.

    The use is the first with a finding, or else the first without undecided entries.
    """
    compared = [use for use in judged if use.comparisons]
    if not compared:
        return None
    decided = (use for use in compared if use.is_decided)
    shown = next((use for use in compared if use.findings), next(decided, compared[0]))
    convention, tolerance = Convention(), TOLERANCES["standard"]
    parameters: Mapping[str, ParameterReport] = {
        name: report_parameter(name, row, convention, False) for name, row in shown.comparisons.items()
    }
    names = operation.arguments[: len(shown.case.arguments)]
    misshapen = {
        name: ParameterReport(name=name, shape=argument.shape, verdict=Verdict.MISSING)
        for name, argument, gradient in zip(names, shown.case.arguments, shown.tried.gradients, strict=True)
        if name not in parameters and gradient is not None
    }
    return Report(
        verdict=verdict,
        loss=LossReport(value=shown.total, uncertainty=0.0, graded_under={"operation": operation.name}),
        parameters={**parameters, **misshapen},
        warnings=tuple(warnings),
        evidence=evidence,
        versions={"python": platform.python_version()}
        | {name: metadata.version(name) for name in ("gradjury", "numpy")},
        seconds=0.0,
        name=operation.name,
        tolerance={"preset": tolerance.preset, "rtol": tolerance.rtol, "atol": tolerance.atol},
        diagnosis=tuple(_diagnosis(finding) for finding in findings),
    )


def _diagnosis(finding: OperationFinding) -> Diagnosis:
    return Diagnosis(
        bug=finding.code,
        layer=None,
        equation=LOCAL_RULE,
        parameters=(finding.place,),
        factor=None,
        residual=None,
        also_consistent=finding.equivalent_bugs,
        title=finding.code,
        explanation=finding.explanation,
        right=finding.right,
        wrong=finding.wrong,
        hint=finding.hint,
        node=finding.place,
    )
