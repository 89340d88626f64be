"""Everything found about one operation, frozen, as data."""

from dataclasses import dataclass

from verifier.caution import Caution
from verifier.consensus import Evidence
from verifier.operation_check.finding import Finding
from verifier.operation_check.inputs import Shapes
from verifier.report import Report
from verifier.verdict import Verdict


@dataclass(frozen=True, slots=True)
class OperationCheck:
    """like: what its forward was held against. cases: how many inputs were tried, of which shapes.

    findings: what is wrong, in the order in which it was met. smallest: the smallest input found that shows
    the first of them, as code; empty where nothing is wrong. evidence: of every oracle, over all inputs.
    report: on the input that shows most, as a submission's; None where nothing could be compared.
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
