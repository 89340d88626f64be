"""Export JUnit XML: a suite per submission, a case per parameter.

The dialect `jenkins` follows the strict schema of Jenkins' xUnit plugin (junit-10.xsd). The dialect `gitlab`
adds `file` to each case, which GitLab links to and Jenkins refuses. An undecided parameter is an error, since
a skipped test would count as passed.
"""

from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from verifier.exporters.common import ExportedFinding, findings_by_submission
from verifier.exporters.exporter import ExportOptions
from verifier.report import wording
from verifier.report.outcome import FileOutcome
from verifier.report.verdict import Verdict
from verifier.report.wording import truncate_line

DIALECTS = ("jenkins", "gitlab")
_FAILURES = (Verdict.INCORRECT, Verdict.MISSING)


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one document of all submissions. Raises: ValueError for an unknown dialect."""
    if choices.junit_dialect not in DIALECTS:
        raise ValueError(f"expected a dialect among {', '.join(DIALECTS)}, got {choices.junit_dialect!r}")
    findings = findings_by_submission(reports)
    seconds = sum(outcome.report.seconds for outcome in reports if outcome.report is not None)
    root = Element(
        "testsuites", {"name": "gradjury", **_counts(finding for rows in findings for finding in rows)}
    )
    root.set("time", f"{seconds:.3f}")
    for outcome, rows in zip(reports, findings, strict=True):
        suite = SubElement(root, "testsuite", {"name": rows[0].path, **_counts(rows), "skipped": "0"})
        suite.set("time", f"{0.0 if outcome.report is None else outcome.report.seconds:.3f}")
        properties = SubElement(suite, "properties")
        for name, value in _properties(outcome):
            SubElement(properties, "property", {"name": name, "value": truncate_line(value)})
        for finding in rows:
            _add_case(suite, finding, choices.junit_dialect)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, "unicode")


def _counts(findings: Iterable[ExportedFinding]) -> dict[str, str]:
    verdicts = [finding.verdict for finding in findings]
    failures = sum(verdict in _FAILURES for verdict in verdicts)
    errors = len(verdicts) - failures - verdicts.count(Verdict.CORRECT)
    return {"tests": str(len(verdicts)), "failures": str(failures), "errors": str(errors)}


def _properties(outcome: FileOutcome) -> Iterator[tuple[str, str]]:
    yield "status", wording.status(outcome.status)
    if (report := outcome.report) is None:
        return
    yield "precision", report.precision
    yield from (report.convention or {}).items()
    if report.loss.graded_under:
        yield "loss", wording.graded_under(report)


def _add_case(suite: Element, finding: ExportedFinding, dialect: str) -> None:
    case = SubElement(
        suite, "testcase", {"classname": finding.path, "name": finding.parameter or "submission", "time": "0"}
    )
    if dialect == "gitlab":
        case.set("file", finding.path)
    if finding.verdict is Verdict.CORRECT:
        return
    kind = "failure" if finding.verdict in _FAILURES else "error"
    element = SubElement(case, kind, {"type": finding.rule, "message": finding.message})
    element.text = "\n".join(filter(None, (finding.message, finding.detail)))
