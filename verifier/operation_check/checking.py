"""check_operation(): a class or an object with forward and backward in, what is wrong with it out."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from verifier.graphs.shapes import MisfitError, Shape
from verifier.operation_check.cases import Case, cases_of
from verifier.operation_check.check import OperationCheck
from verifier.operation_check.conduct import OF_TWO_USES, kept_state
from verifier.operation_check.finding import Finding
from verifier.operation_check.function_answers import GivenRaised
from verifier.operation_check.inputs import Shapes
from verifier.operation_check.judging import Judged, judge
from verifier.operation_check.pasted import pasted, pasted_twice
from verifier.operation_check.question import Question, question_of
from verifier.operation_check.references import read_reference
from verifier.operation_check.remarks import is_decided, remarks
from verifier.operation_check.reporting import merged, report_of
from verifier.operation_check.trying import OperationRaised, called, numbers
from verifier.operation_check.written import malformed, read_operation
from verifier.verdict import Verdict


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
    """Check one operation: its value, its gradients, and what it does besides.

    operation: a class or an object with `forward(*args)` and `backward(output_grad)`, or with edugrad's
    `forward(ctx, …)` and `backward(ctx, grad_output)`, or what edugrad's `tensor_op` made of one.
    like: the name of an operation of graphs, or a function of arrays; without it forward is believed.
    in_torch: a function of tensors that does the same. options: such as `{"axis": 0}`, for `like` and for
    whatever of forward and the class's own arguments names them.
    shapes: one for each argument, for each input to try. domain: which numbers, for all arguments or each.
    form: `lecture` or `edugrad`, where the name of forward's first argument does not tell.
    Raises: MalformedSubmission for what is no operation, and for choices that there are not.
    """
    options = dict(options or {})
    written = read_operation(operation, form, options, name)
    reference = read_reference(like, in_torch, options, written)
    question = question_of(written, reference, shapes, domain)
    conduct = [*_conduct(question)]  # before anything else, which might leave something behind
    judged, refused = _judged_all(question)
    findings = _merged([finding for own in judged for finding in own.findings])
    if conduct:  # then the numbers of further uses say nothing of the rules
        findings = [*conduct, *(own for own in findings if own.kind == "argument-changed")]
    evidence = merged([own.consensus.evidence for own in judged if own.consensus is not None])
    undecided = not evidence or not is_decided(question.reference, judged)
    verdict = Verdict.UNDECIDED if undecided else Verdict.CORRECT
    warnings = tuple(remarks(question, judged, refused))
    verdict = Verdict.INCORRECT if findings else verdict
    return OperationCheck(
        name=written.name,
        verdict=verdict,
        like=reference.name,
        cases=len(judged),
        shapes=tuple(dict.fromkeys(own.case.shapes for own in judged)),
        findings=tuple(findings),
        warnings=warnings,
        evidence=evidence,
        smallest=_smallest(question, findings[0], judged) if findings else "",
        report=report_of(written, judged, verdict, findings, warnings, evidence),
    )


def _judged_all(question: Question) -> tuple[list[Judged], dict[Shapes, OperationRaised]]:
    """Judge every case; tell apart the shapes that forward refuses."""
    judged: list[Judged] = []
    refused: dict[Shapes, OperationRaised] = {}
    misfits: list[GivenRaised] = []
    unknown = question.reference.row is None
    for case in cases_of(question.shapes, question.domains, question.plain):
        if case.shapes in refused:
            continue
        try:
            own = judge(question.operation, question.reference, case)
        except MisfitError:
            continue
        except GivenRaised as error:
            misfits.append(error)
            continue
        raised = own.tried.refused
        if raised is not None and (unknown or (raised.refuses and not case.plain)):
            refused[case.shapes] = raised
            continue
        judged.append(own)
    if misfits and all(own.case.empty for own in judged):
        raise malformed("like", "a function that takes such arguments", str(misfits[0]), "give shapes=[…]")
    if not judged and refused:
        raised = next(iter(refused.values()))
        case = next(cases_of([next(iter(refused))], question.domains, 1))
        judged = [judge(question.operation, question.reference, case)]
    return judged, refused


def _merged(findings: Sequence[Finding]) -> list[Finding]:
    """Give each thing once, by its name where any input told it; what has a name first."""
    found: dict[tuple[str, str], Finding] = {}
    for own in findings:
        key = (own.kind, own.place)
        if key not in found or (found[key].code == found[key].kind != own.code):
            found[key] = own
    once: dict[tuple[str, str], Finding] = {}
    for own in found.values():
        once.setdefault((own.code, own.place), own)
    return sorted(once.values(), key=lambda own: own.code == own.kind)


def _conduct(question: Question) -> Iterator[Finding]:
    """Look at two uses on numbers of the first shapes."""
    cases = [*cases_of(question.shapes[:1], question.domains, question.plain)]
    if len(cases) > 1:  # of empty arrays there is one
        yield from kept_state(question.operation, cases[0], cases[1])


def _smallest(question: Question, finding: Finding, judged: Sequence[Judged]) -> str:
    try:
        from verifier.operation_check.smallest import other_numbers, seen_again, smallest_failure
    except ImportError:  # without hypothesis
        return _as_found(question, finding, judged)

    wrong = seen_again(question.operation, question.reference, finding.kind, finding.place)

    def value_shape(case: Case) -> Shape:
        if question.reference.row is not None:
            return question.reference.fit(case.shapes).shape
        try:
            value = numbers(called("forward", question.operation.begin().forward, *case.arguments))
        except OperationRaised:
            return ()
        return () if value is None else tuple(value.shape)

    filled = [own for own in question.shapes if 0 not in map(prod, own)]
    for shapes in (filled, question.shapes):
        case = smallest_failure(wrong, shapes, question.domains, value_shape)
        if case is not None:
            if finding.kind in OF_TWO_USES:
                return pasted_twice(question.operation, case, other_numbers(case), finding)
            return pasted(question.operation, judge(question.operation, question.reference, case), finding)
    return _as_found(question, finding, judged)


def _as_found(question: Question, finding: Finding, judged: Sequence[Judged]) -> str:
    """Give the first input on which it was found; empty for what took two uses."""
    for own in judged:
        if (finding.kind, finding.place) in {(each.kind, each.place) for each in own.findings}:
            return pasted(question.operation, own, finding)
    return ""
