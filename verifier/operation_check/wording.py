"""Write the result of an operation check as text."""

from collections.abc import Iterator

from verifier.exporters.sentences import figure
from verifier.operation_check.check import OperationCheck
from verifier.operation_check.finding import Finding

_SHOWN = 6  # findings that are written in full


def lines(check: OperationCheck) -> Iterator[str]:
    """Yield the verdict, the oracles, the findings, the smallest input and the warnings."""
    yield f"{check.name}: {check.verdict}"
    shapes = f"{len(check.shapes)} shape{'' if len(check.shapes) == 1 else 's'}"
    yield f"  held against {check.like} on {check.cases} inputs of {shapes}"
    yield from (f"  {line}" for line in _oracles(check))
    for finding in check.findings[:_SHOWN]:
        yield ""
        yield from (f"  {line}" for line in of_finding(finding))
    if len(check.findings) > _SHOWN:
        yield f"  and {len(check.findings) - _SHOWN} more"
    if check.smallest:
        yield ""
        yield "  the smallest input found that shows the first of these:"
        yield from (f"    {line}".rstrip() for line in check.smallest.splitlines())
    if check.warnings:
        yield ""
    for warning in check.warnings:
        yield f"  {warning.code}: {warning.detail}"


def in_brief(check: OperationCheck) -> Iterator[str]:
    """Yield a short version for the message of a failing test."""
    yield f"{check.name} is {'wrong' if check.findings else check.verdict}, held against {check.like}"
    for finding in check.findings[:1]:
        yield from (f"  {line}" for line in of_finding(finding))
    others = list(dict.fromkeys(f"{finding.code} ({finding.place})" for finding in check.findings[1:]))
    if others:
        yield f"  also: {', '.join(others)}"
    if not check.findings:
        yield from (f"  {warning.code}: {warning.detail}" for warning in check.warnings)
    if check.smallest:
        yield "  the smallest input found that shows it:"
        yield from (f"    {line}".rstrip() for line in check.smallest.splitlines())


def of_finding(finding: Finding) -> Iterator[str]:
    """Yield the lines about one finding."""
    yield f"{finding.code} in {_place(finding)}"
    yield f"  {finding.explanation}"
    if finding.right:
        yield f"  right: {finding.right}"
        yield f"  used:  {finding.wrong}"
    if finding.also:
        yield f"  the same numbers here would come from: {', '.join(finding.also)}"
    yield f"  next: {finding.hint}"


def _place(finding: Finding) -> str:
    if finding.place in ("forward", "backward"):
        return finding.place
    return f"backward, the gradient of {finding.place}"


def _oracles(check: OperationCheck) -> Iterator[str]:
    for evidence in check.evidence:
        if evidence.agrees is None:
            yield f"{evidence.oracle} not asked ({evidence.reason or 'no entry could be told'})"
        else:
            word = "agrees" if evidence.agrees else "CONTRADICTS"
            within = figure(evidence.max_disagreement or 0.0, ".1g")
            yield f"{evidence.oracle} {word} ({evidence.entries} entries, within {within})"
