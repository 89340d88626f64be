"""Check one operation, a class or an object with the methods forward and backward."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from verifier.problem.graph import MisfitError, Shape
from verifier.report.verdict import Verdict
from verifier.testing.operation_check.answers import ReferenceRaised
from verifier.testing.operation_check.compare import JudgedUse, judge_use
from verifier.testing.operation_check.further_inputs import Shapes
from verifier.testing.operation_check.inputs import Case, cases_of
from verifier.testing.operation_check.operation import (
    TWO_USE_FINDINGS,
    OperationRaised,
    call_user_code,
    find_kept_state,
    to_float64,
)
from verifier.testing.operation_check.references import CheckPlan, plan_check, read_reference
from verifier.testing.operation_check.report import (
    build_report,
    is_decided,
    merge_evidence,
    operation_warnings,
    reproduction_code,
    two_use_code,
)
from verifier.testing.operation_check.result import OperationCheck, OperationFinding, make_finding
from verifier.testing.operation_check.written import malformed, read_operation


def check_operation(
    operation: Any,
    *,
    like: Any = None,
    in_torch: Any = None,
    options: Mapping[str, Any] | None = None,
    shapes: Sequence[Any] | None = None,
    domain: str | Sequence[str] | None = None,
    form: str | None = None,
    name: str | None = None,
) -> OperationCheck:
    """Check the value, the gradients and the side effects of one operation.

    Parameters
    ----------
    operation : class or object
        Operation with `forward(*args)` and `backward(output_grad)`, or in edugrad's form with
        `forward(ctx, *args)` and `backward(ctx, grad_output)`, or a function made by edugrad's `tensor_op`.
    like : str or callable, optional
        Name of a graph operation, or a function of arrays, that computes the right value. Without it, the
        value is not checked, and the gradients are compared with those of forward.
    in_torch : callable, optional
        Function of tensors that computes the same.
    options : mapping, optional
        Options such as ``{"axis": 0}``, passed to `like` and to the parameters of forward or of the class
        with these names.
    shapes : sequence, optional
        Inputs to try; each is a tuple with one shape per argument.
    domain : str or sequence of str, optional
        Domain of the numbers, for all arguments or for each of them.
    form : {"lecture", "edugrad"}, optional
        Form of the operation, if the name of forward's first argument does not show it.
    name : str, optional
        Name of the operation in the report.

    Returns
    -------
    OperationCheck
        Verdict, findings and the smallest failing input.

    Raises
    ------
    MalformedSubmission
        If the operation or an option is invalid.

    Examples
    --------
    >>> from gradjury import check_operation
    >>> class Square:
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x**2
    ...     def backward(self, output_grad):
    ...         return output_grad * self.x
    >>> print(check_operation(Square, like="power", options={"exponent": 2}))
    """
    options = dict(options or {})
    written = read_operation(operation, form, options, name)
    reference = read_reference(like, in_torch, options, written)
    question = plan_check(written, reference, shapes, domain)
    kept = [*_kept_state(question)]  # first, because other uses could leave state behind
    judged, refused = _judge_all(question)
    findings = _merge([finding for use in judged for finding in use.findings])
    if kept:  # kept state makes the numbers of further uses meaningless
        findings = [*kept, *(finding for finding in findings if finding.kind == "argument-changed")]
    evidence = merge_evidence([use.consensus.evidence for use in judged if use.consensus is not None])
    undecided = not evidence or not is_decided(question.reference, judged)
    verdict = Verdict.UNDECIDED if undecided else Verdict.CORRECT
    warnings = tuple(operation_warnings(question, judged, refused))
    verdict = Verdict.INCORRECT if findings else verdict
    return OperationCheck(
        name=written.name,
        verdict=verdict,
        like=reference.name,
        cases=len(judged),
        shapes=tuple(dict.fromkeys(use.case.shapes for use in judged)),
        findings=tuple(findings),
        warnings=warnings,
        evidence=evidence,
        smallest=_smallest(question, findings[0], judged) if findings else "",
        report=build_report(written, judged, verdict, findings, warnings, evidence),
    )


def _judge_all(question: CheckPlan) -> tuple[list[JudgedUse], dict[Shapes, OperationRaised]]:
    """Return the judged uses of all cases, and the exceptions for the shapes that forward refuses."""
    judged: list[JudgedUse] = []
    refused: dict[Shapes, OperationRaised] = {}
    misfits: list[ReferenceRaised] = []
    unknown = question.reference.row is None
    for case in cases_of(question.shapes, question.domains, question.plain):
        if case.shapes in refused:
            continue
        try:
            use = judge_use(question.operation, question.reference, case)
        except MisfitError:
            continue
        except ReferenceRaised as error:
            misfits.append(error)
            continue
        raised = use.tried.refused
        if raised is not None and (unknown or (raised.refuses and not case.plain)):
            refused[case.shapes] = raised
            continue
        judged.append(use)
    if misfits and all(use.case.empty for use in judged):
        raise malformed("like", "a function that takes such arguments", str(misfits[0]), "give shapes=[…]")
    if not judged and refused:
        raised = next(iter(refused.values()))
        case = next(cases_of([next(iter(refused))], question.domains, 1))
        judged = [judge_use(question.operation, question.reference, case)]
    return judged, refused


def _merge(findings: Sequence[OperationFinding]) -> list[OperationFinding]:
    """Return every finding once, those with a known wrong rule first.

    A rule is named only if it fits every input on which the same gradient is wrong.
    """
    by_kind: dict[tuple[str, str], list[OperationFinding]] = {}
    for finding in findings:
        by_kind.setdefault((finding.kind, finding.place), []).append(finding)
    by_code: dict[tuple[str, str], OperationFinding] = {}
    for finding in map(_common, by_kind.values()):
        by_code.setdefault((finding.code, finding.place), finding)
    return sorted(by_code.values(), key=lambda finding: finding.code == finding.kind)


def _common(findings: Sequence[OperationFinding]) -> OperationFinding:
    """Return a finding whose rule all findings of this kind and place have; else one without a rule."""
    if findings[0].kind != "gradient-value":
        return next((finding for finding in findings if finding.code != finding.kind), findings[0])
    fits = [{finding.code, *finding.equivalent_bugs} for finding in findings]
    shared = set.intersection(*fits)
    for finding in findings:
        if finding.code in shared:
            others = tuple(bug for bug in finding.equivalent_bugs if bug in shared)
            return replace(finding, equivalent_bugs=others)
    return make_finding(findings[0].kind, findings[0].place)


def _kept_state(question: CheckPlan) -> Iterator[OperationFinding]:
    """Yield findings about state that is kept between two uses on arguments of the first shapes."""
    cases = [*cases_of(question.shapes[:1], question.domains, question.plain)]
    if len(cases) > 1:  # empty arrays have one case
        yield from find_kept_state(question.operation, cases[0], cases[1])


def _smallest(question: CheckPlan, finding: OperationFinding, judged: Sequence[JudgedUse]) -> str:
    try:
        from verifier.testing.operation_check.shrink import reproduces, shifted_case, smallest_failure
    except ImportError:  # Hypothesis, which it loads, is optional
        return _unshrunk(question, finding, judged)

    wrong = reproduces(question.operation, question.reference, finding.kind, finding.place)

    def value_shape(case: Case) -> Shape:
        if question.reference.row is not None:
            return question.reference.fit(case.shapes).shape
        try:
            value = to_float64(call_user_code("forward", question.operation.begin().forward, *case.arguments))
        except OperationRaised:
            return ()
        return () if value is None else tuple(value.shape)

    nonempty = [shapes for shapes in question.shapes if 0 not in map(prod, shapes)]
    for shapes in (nonempty, question.shapes):
        case = smallest_failure(wrong, shapes, question.domains, value_shape)
        if case is not None:
            if finding.kind in TWO_USE_FINDINGS:
                return two_use_code(question.operation, case, shifted_case(case), finding)
            return reproduction_code(
                question.operation, judge_use(question.operation, question.reference, case), finding
            )
    return _unshrunk(question, finding, judged)


def _unshrunk(question: CheckPlan, finding: OperationFinding, judged: Sequence[JudgedUse]) -> str:
    """Return code of the first input with the finding; empty for a finding that requires two uses."""
    for use in judged:
        if (finding.kind, finding.place) in {(other.kind, other.place) for other in use.findings}:
            return reproduction_code(question.operation, use, finding)
    return ""
