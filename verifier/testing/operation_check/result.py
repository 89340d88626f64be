"""Write the result of an operation check as text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from verifier.problem.errors import ReportWarning
from verifier.report.model import Evidence
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.report.wording import format_number
from verifier.testing.operation_check.further_inputs import Shapes


@dataclass(frozen=True, slots=True)
class OperationFinding:
    """One error of an operation.

    code: id of the kind or of the wrong local rule, if one explains the error. Codes are stable.
    kind: id in `SEEN`.
    place: `forward`, `backward`, or the argument whose gradient is wrong.
    equivalent_bugs: other rules that return the same numbers.
    """

    code: str
    kind: str
    place: str
    explanation: str
    hint: str
    right: str = ""
    wrong: str = ""
    equivalent_bugs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingTexts:
    """Texts of one kind of finding, with the fields {place} and others that depend on the kind."""

    kind: str
    explanation: str
    hint: str


FINDINGS: Mapping[str, FindingTexts] = MappingProxyType(
    {
        row.kind: row
        for row in (
            FindingTexts(
                "raises", "{place} raises {error}{line}.", "What does that line need that it is not given?"
            ),
            FindingTexts(
                "no-value",
                "forward gives {actual}, where the value is an array of numbers.",
                "Does forward end in return?",
            ),
            FindingTexts(
                "forward-shape",
                "forward gives shape {actual}, where {like} gives {expected}.",
                "Which axes does the value have?",
            ),
            FindingTexts(
                "forward-value",
                "forward gives {actual} at {index}, where {like} gives {expected}.",
                "Compute the smallest input below by hand.",
            ),
            FindingTexts(
                "gradient-count",
                "backward gives {actual}, where forward took {expected}.",
                "backward returns one gradient for each argument of forward, in their order.",
            ),
            FindingTexts(
                "gradient-missing",
                "the gradient of {place} is None.",
                "Does {place} change the value? Then it has a gradient.",
            ),
            FindingTexts(
                "gradient-not-numbers",
                "the gradient of {place} is {actual}, where an array of real numbers is asked for.",
                "Return arrays of float64.",
            ),
            FindingTexts(
                "gradient-shape",
                "the gradient of {place} has shape {actual}, where {place} has {expected}.",
                "A gradient has the shape of what it is the gradient of.",
            ),
            FindingTexts(
                "gradient-value",
                "the gradient of {place} is wrong, and no known wrong rule gives its numbers.",
                "Write down the value as a formula, and differentiate it by {place}.",
            ),
            FindingTexts(
                "constant-factor",
                "the gradient of {place} is {factor} times the right one, in every number.",
                "Which factor is missing, or stands there twice?",
            ),
            FindingTexts(
                "missing-upstream-gradient",
                "the gradient of {place} is the same whatever gradient of the output backward is given: it "
                "is the operation's own derivative, multiplied by nothing.",
                "By what does the chain rule multiply the derivative by {place}?",
            ),
            FindingTexts(
                "repeated-rows-assigned",
                "a row of {place} that is looked up several times has the gradient of one look-up, not the "
                "sum of all: `found[rows] += …` adds each row once.",
                "What does numpy do with an index that comes twice? See np.add.at.",
            ),
            FindingTexts(
                "copies-not-summed",
                "each entry of {place} is repeated in the value, and its gradient is that of one copy, or "
                "the mean of the copies, where it is their sum.",
                "Through how many copies does an entry of {place} reach the loss?",
            ),
            FindingTexts(
                "jvp-not-linear",
                "the jvp of a sum of tangents is not the sum of their jvps. They differ by up to {actual}.",
                "Which term of the jvp is not multiplied by exactly one tangent?",
            ),
            FindingTexts(
                "jvp-value",
                "the jvp returns another value than the function.",
                "Does the jvp compute the same value as the function?",
            ),
            FindingTexts(
                "argument-changed",
                "{place} changes {actual} in place, which belongs to its caller.",
                "Make a new array where the code assigns, or adds with += to, what it was given.",
            ),
            FindingTexts(
                "state-kept",
                "after {actual}, the gradient of {place} is another than at a first use: something is kept "
                "from one use to the next.",
                "What does the operation remember of an earlier forward or backward?",
            ),
            FindingTexts(
                "not-repeatable",
                "forward gives other numbers when it is called again with the same.",
                "Draw random numbers once, or from a generator that is given.",
            ),
        )
    }
)


FORMS: Mapping[str, str] = MappingProxyType(
    {
        "derivative": "a function, and its derivative as a function of the same arguments",
        "numbers": "a function, and the numbers of its gradient",
        "value-and-gradient": "a function that returns its value and its gradient",
        "vjp": "a function, and a backward function of the output's gradient and the arguments",
        "cache": "forward returns its value and a cache, backward takes the output's gradient and it",
        "residuals": "forward returns its value and residuals, backward takes them before the gradient",
        "operation": "a class or an object with forward and backward",
        "layer": "a layer that keeps its parameters and their gradients",
        "torch": "a function or a module of PyTorch, with the gradients of autograd",
        "jax": "a function of JAX, with the gradients of its vjp",
        "jvp": "a function, and its Jacobian-vector product, which takes tangents",
    }
)  # of functions and their gradients


def make_finding(kind: str, place: str, **words: object) -> OperationFinding:
    """Return a finding with its texts. words: values of the fields of the texts."""
    row = FINDINGS[kind]
    sentence = row.explanation.format(place=place, **words)
    return OperationFinding(
        kind, kind, place, sentence[0].upper() + sentence[1:], row.hint.format(place=place, **words)
    )


@dataclass(frozen=True, slots=True)
class OperationCheck:
    """Result of checking one operation.

    like: name of the reference for forward.
    cases: number of inputs.
    shapes: shapes of the inputs.
    findings: errors, in the order in which they were found.
    smallest: code of the smallest input that shows the first finding; empty if there is no finding.
    evidence: agreement of every oracle over all inputs.
    report: report on the input with the first finding, in the form of a submission's report; None if nothing
        could be compared.
    form: form in which the function and its gradient are written.
    """

    name: str
    verdict: Verdict
    like: str
    cases: int
    shapes: tuple[Shapes, ...]
    findings: tuple[OperationFinding, ...]
    warnings: tuple[ReportWarning, ...]
    evidence: tuple[Evidence, ...]
    smallest: str
    report: Report | None
    form: str = ""

    def __bool__(self) -> bool:
        return self.verdict is Verdict.CORRECT

    def __repr__(self) -> str:
        codes = ", ".join(dict.fromkeys(finding.code for finding in self.findings))
        return f"<OperationCheck {self.name}: {self.verdict}{': ' if codes else ''}{codes}>"

    def __str__(self) -> str:
        return "\n".join(lines(self))


_SHOWN = 6  # findings that are written in full


def lines(check: OperationCheck) -> Iterator[str]:
    """Yield the verdict, the oracles, the findings, the smallest input and the warnings."""
    yield f"{check.name}: {check.verdict}"
    shapes = f"{len(check.shapes)} shape{'' if len(check.shapes) == 1 else 's'}"
    yield f"  compared with {check.like} on {check.cases} inputs of {shapes}"
    if check.form in FORMS:
        yield f"  form {check.form}: {FORMS[check.form]}"
    yield from (f"  {line}" for line in _oracles(check))
    for finding in check.findings[:_SHOWN]:
        yield ""
        yield from (f"  {line}" for line in of_finding(finding))
    if len(check.findings) > _SHOWN:
        yield f"  and {len(check.findings) - _SHOWN} more"
    if check.smallest:
        yield ""
        yield f"  {_heading(check)} that shows the first of these:"
        yield from (f"    {line}".rstrip() for line in check.smallest.splitlines())
    if check.warnings:
        yield ""
    for warning in check.warnings:
        yield f"  {warning.code}: {warning.detail}"


def summary_lines(check: OperationCheck) -> Iterator[str]:
    """Yield a short version for the message of a failing test."""
    yield f"{check.name} is {'wrong' if check.findings else check.verdict}, compared with {check.like}"
    for finding in check.findings[:1]:
        yield from (f"  {line}" for line in of_finding(finding))
    others = list(dict.fromkeys(f"{finding.code} ({finding.place})" for finding in check.findings[1:]))
    if others:
        yield f"  also: {', '.join(others)}"
    if not check.findings:
        yield from (f"  {warning.code}: {warning.detail}" for warning in check.warnings)
    if check.smallest:
        yield f"  {_heading(check)} that shows it:"
        yield from (f"    {line}".rstrip() for line in check.smallest.splitlines())


def _heading(check: OperationCheck) -> str:
    return "code" if check.form in FORMS else "the smallest input found"


def of_finding(finding: OperationFinding) -> Iterator[str]:
    """Yield the lines about one finding."""
    yield f"{finding.code} in {_place(finding)}"
    yield f"  {finding.explanation}"
    if finding.right:
        yield f"  right: {finding.right}"
        yield f"  used:  {finding.wrong}"
    if finding.equivalent_bugs:
        yield f"  cannot be told apart here from: {', '.join(finding.equivalent_bugs)}"
    yield f"  next: {finding.hint}"


def _place(finding: OperationFinding) -> str:
    if finding.place in ("forward", "backward", "jvp"):
        return finding.place
    return f"backward, the gradient of {finding.place}"


def _oracles(check: OperationCheck) -> Iterator[str]:
    for evidence in check.evidence:
        if evidence.agrees is None:
            yield f"{evidence.oracle} not used ({evidence.reason or 'no entry could be computed'})"
        else:
            word = "agrees" if evidence.agrees else "CONTRADICTS"
            within = format_number(evidence.max_disagreement or 0.0, ".1g")
            yield f"{evidence.oracle} {word} ({evidence.entries} entries, within {within})"
