"""Result of checking one operation."""

from dataclasses import dataclass

from verifier.caution import Caution
from verifier.consensus import Evidence
from verifier.operation_check.finding import Finding
from verifier.operation_check.inputs import Shapes
from verifier.report import Report
from verifier.verdict import Verdict


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
    """

    name: str
    verdict: Verdict
    like: str
    cases: int
    shapes: tuple[Shapes, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[Caution, ...]
    evidence: tuple[Evidence, ...]
    smallest: str
    report: Report | None

    def __repr__(self) -> str:
        codes = ", ".join(dict.fromkeys(finding.code for finding in self.findings))
        return f"<OperationCheck {self.name}: {self.verdict}{': ' if codes else ''}{codes}>"

    def __str__(self) -> str:
        from verifier.operation_check.wording import lines

        return "\n".join(lines(self))
