"""Check one operation, a class or an object with the methods forward and backward."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from math import prod
from typing import Any

from verifier.problem.errors import ReportWarning, malformed, suggest_name
from verifier.problem.graph import MisfitError, Shape
from verifier.report.verdict import Verdict
from verifier.testing.operation_check.answers import ReferenceRaised
from verifier.testing.operation_check.compare import JudgedUse, judge_use
from verifier.testing.operation_check.further_inputs import Shapes
from verifier.testing.operation_check.inputs import Case, cases_of
from verifier.testing.operation_check.operation import (
    SIDE_EFFECTS,
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
from verifier.testing.operation_check.written import after_first_use, read_operation


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
    require: Sequence[str] = (),
) -> OperationCheck:
    """Check the value, the gradients and the side effects of one operation.

    Side effects, such as a changed argument, are notes. They do not change the verdict unless required.

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
    form : {"lecture", "edugrad", "torch"}, optional
        Form of the operation, if the name of forward's first argument does not show it.
    name : str, optional
        Name of the operation in the report.
    require : sequence of {"argument-changed", "state-kept", "not-repeatable"}, optional
        Side effects that count as errors.

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
    return check_plan(plan_check(written, reference, shapes, domain), require)


def check_plan(plan: CheckPlan, require: Sequence[str]) -> OperationCheck:
    """Return the result of judging all inputs of a plan.

    require: kinds of side effects that count as errors. Raises: MalformedSubmission for an unknown kind.
    """
    for kind in require:
        if kind not in SIDE_EFFECTS:
            remedy = suggest_name(kind, SIDE_EFFECTS) if isinstance(kind, str) else ""
            raise malformed("require", f"some of {', '.join(SIDE_EFFECTS)}", repr(kind), remedy)
    kept = [*_kept_state(plan)]  # first, because other uses could leave state behind
    if any(finding.kind == "not-repeatable" for finding in kept):
        settled = replace(plan, operation=after_first_use(plan.operation, next(plan.cases()).arguments))
        if settled.operation is not plan.operation:  # an object may make its parameters at its first use
            plan, kept = settled, [*_kept_state(settled)]
    judged, refused = _judge_all(plan)
    seen = [*kept, *_merge([finding for use in judged for finding in use.findings])]
    effects = [finding for finding in seen if finding.kind in SIDE_EFFECTS]
    is_random = any(finding.kind == "not-repeatable" for finding in effects)
    findings = [finding for finding in seen if finding.kind not in SIDE_EFFECTS and not is_random]
    findings += [finding for finding in effects if finding.kind in require]
    evidence = merge_evidence([use.consensus.evidence for use in judged if use.consensus is not None])
    undecided = not evidence or is_random or not is_decided(plan.reference, judged)
    verdict = Verdict.INCORRECT if findings else Verdict.UNDECIDED if undecided else Verdict.CORRECT
    notes = [
        ReportWarning(finding.code, finding.explanation) for finding in effects if finding.kind not in require
    ]
    warnings = (*notes, *operation_warnings(plan, judged, refused))
    return OperationCheck(
        name=plan.operation.name,
        verdict=verdict,
        like=plan.reference.name,
        cases=len(judged),
        shapes=tuple(dict.fromkeys(use.case.shapes for use in judged)),
        findings=tuple(findings),
        warnings=warnings,
        evidence=evidence,
        smallest=_smallest(plan, findings[0], judged) if findings else "",
        report=build_report(plan.operation, judged, verdict, findings, warnings, evidence),
        form=plan.operation.form,
    )


def _judge_all(plan: CheckPlan) -> tuple[list[JudgedUse], dict[Shapes, OperationRaised]]:
    """Return the judged uses of all cases, and the exceptions for the shapes that forward refuses."""
    judged: list[JudgedUse] = []
    refused: dict[Shapes, OperationRaised] = {}
    misfits: list[ReferenceRaised] = []
    unknown = plan.reference.row is None
    for case in plan.cases():
        if case.shapes in refused:
            continue
        try:
            use = judge_use(plan.operation, plan.reference, case)
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
        case = next(cases_of([next(iter(refused))], plan.domains, 1))
        judged = [judge_use(plan.operation, plan.reference, case)]
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
    if len({finding.wrong for finding in findings if finding.code == "constant-factor"}) > 1:
        return make_finding(findings[0].kind, findings[0].place)  # another factor on every input
    fits = [{finding.code, *finding.equivalent_bugs} for finding in findings]
    shared = set.intersection(*fits)
    for finding in sorted(findings, key=lambda finding: finding.code == "constant-factor"):
        if finding.code in shared and finding.code != finding.kind:
            others = tuple(bug for bug in finding.equivalent_bugs if bug in shared)
            return replace(finding, equivalent_bugs=others)
    return make_finding(findings[0].kind, findings[0].place)


def _kept_state(plan: CheckPlan) -> Iterator[OperationFinding]:
    """Yield findings about state that is kept between two uses on arguments of the first shapes."""
    cases = [*islice(plan.cases(), 2)]
    if len(cases) > 1 and cases[0].shapes == cases[1].shapes:  # empty arrays have one case
        yield from find_kept_state(plan.operation, cases[0], cases[1])


def _smallest(plan: CheckPlan, finding: OperationFinding, judged: Sequence[JudgedUse]) -> str:
    """Return code of the smallest input with the finding, or of the caller's own input."""
    if plan.points:
        return _unshrunk(plan, finding, judged)
    try:
        from verifier.testing.operation_check.shrink import reproduces, shifted_case, smallest_failure
    except ImportError:  # Hypothesis, which it loads, is optional
        return _unshrunk(plan, finding, judged)

    wrong = reproduces(plan.operation, plan.reference, finding.kind, finding.place)

    def value_shape(case: Case) -> Shape:
        if plan.reference.row is not None:
            return plan.reference.fit(case.shapes).shape
        try:
            value = to_float64(call_user_code("forward", plan.operation.begin().forward, *case.arguments))
        except OperationRaised:
            return ()
        return () if value is None else tuple(value.shape)

    nonempty = [shapes for shapes in plan.shapes if 0 not in map(prod, shapes)]
    for shapes in (nonempty, plan.shapes):
        case = smallest_failure(wrong, shapes, plan.domains, value_shape)
        if case is not None:
            if finding.kind in TWO_USE_FINDINGS:
                return two_use_code(plan.operation, case, shifted_case(case), finding)
            return reproduction_code(plan.operation, judge_use(plan.operation, plan.reference, case), finding)
    return _unshrunk(plan, finding, judged)


def _unshrunk(plan: CheckPlan, finding: OperationFinding, judged: Sequence[JudgedUse]) -> str:
    """Return code of the first input with the finding; empty for a finding that requires two uses."""
    for use in judged:
        if (finding.kind, finding.place) in {(other.kind, other.place) for other in use.findings}:
            return reproduction_code(plan.operation, use, finding)
    return ""
