"""Write the parts of a report as sentences, which all text formats share."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite, isnan

from verifier.documents.json_text import number
from verifier.documents.report_document import summary_of
from verifier.exit_status import ExitStatus
from verifier.exporters.harmless import one_line
from verifier.report import Audience, Entry, ParameterReport, Report
from verifier.verdict import Verdict


def figure(value: float, digits: str = ".10g") -> str:
    """Return a number as short text: -0 as 0, and the strings of JSON documents for non-finite numbers."""
    return format(value + 0.0, digits) if isfinite(value) else str(number(value))


def measure(value: float | None, digits: str = ".1e") -> str:
    """Return a measure for a table; empty text for None and NaN."""
    return "" if value is None or isnan(value) else figure(value, digits)


_STATUSES = {
    ExitStatus.CORRECT: "correct",
    ExitStatus.INCORRECT: "incorrect",
    ExitStatus.UNDECIDED: "undecided",
    ExitStatus.MALFORMED: "malformed",
    ExitStatus.INTERNAL: "not judged",
}
_STATES = {
    Verdict.CORRECT: "correct",
    Verdict.INCORRECT: "incorrect",
    Verdict.UNDECIDED: "undecided: it cannot honestly be told",
    Verdict.MISSING: "no gradient was given",
}


def totals(statuses: Sequence[ExitStatus]) -> str:
    """Return the number of submissions by status: `3 submissions: 1 correct, 2 incorrect`."""
    by_status = Counter(statuses)
    counts = ", ".join(
        f"{by_status[status]} {word}" for status, word in _STATUSES.items() if by_status[status]
    )
    return f"{len(statuses)} submission{'' if len(statuses) == 1 else 's'}: {counts or 'none'}"


def status(exit_status: ExitStatus) -> str:
    """Return the word for an exit status."""
    return _STATUSES[exit_status]


def unit(report: Report) -> str:
    """Return the noun for a row: a graph also has rows of inputs and nodes."""
    return "parameter" if report.graph is None else "gradient"


def counts(report: Report) -> str:
    """Return the counts of numbers by verdict; for students, the counts of rows."""
    if report.audience is Audience.STUDENT:
        rows = list(report.parameters.values())
        verdicts = Counter(row.verdict for row in rows)
        parts = [f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict]]
        noun = f"{unit(report)}{'' if len(rows) == 1 else 's'}"
        return f"{len(rows)} {noun}: {', '.join(parts)}" if rows else ""
    summary = summary_of(report)
    kinds = ("correct", "incorrect", "undecided", "missing")
    return f"{summary['parameters']} numbers: " + ", ".join(
        f"{summary[kind]} {kind}" for kind in kinds if summary[kind]
    )


def state(row: ParameterReport) -> str:
    """Return the verdict of a parameter, with counts and the relative error if the report has them."""
    wrong = row.incorrect or row.undecided
    if not row.counted or not wrong:
        return _STATES[row.verdict]
    sentence = f"{wrong} of {row.counted} numbers {'is' if wrong == 1 else 'are'} {row.verdict}"
    relative = measure(row.relative_norm_error)
    return f"{sentence}, relative error {relative}" if relative else sentence


def graded_under(report: Report) -> str:
    """Return the loss and the precision of the check."""
    return f"graded under: {declared_loss(report)}; {report.precision}"


def declared_loss(report: Report) -> str:
    """Return all fields of the loss, presets expanded."""
    return ", ".join(f"{key} {plain(value)}" for key, value in report.loss.graded_under.items())


def loss(report: Report) -> str:
    """Return the loss, and the verdict on the reported one."""
    row = report.loss
    if row.verdict is None or row.reported is None:
        return f"loss: {figure(row.value)}"
    return f"loss: {row.verdict}: reported {figure(row.reported)}, it is {figure(row.value)}"


def tolerance(report: Report) -> str:
    """Return the tolerance with its preset."""
    fields = report.tolerance or {}
    prefix = f"{fields['preset']}: " if fields.get("preset") else ""
    return f"tolerance: {prefix}rtol {plain(fields.get('rtol'))}, atol {plain(fields.get('atol'))}"


def oracles(report: Report) -> Iterator[str]:
    """Yield one sentence per oracle."""
    for item in report.evidence:
        if item.agrees is None:
            yield f"{item.oracle} not asked ({item.reason or 'no entry could be told'})"
        else:
            word = "agrees" if item.agrees else "CONTRADICTS"
            within = figure(item.max_disagreement or 0.0, ".1g")
            reason = f"; {item.reason}" if item.reason else ""
            yield f"{item.oracle} {word} ({item.entries} entries, within {within}{reason})"


def entry(row: Entry) -> str:
    """Return the submitted and the expected value, and the tolerance, of an entry."""
    sentence = f"submitted {figure(row.submitted)}, expected {expected(row)}"
    return sentence if isnan(row.submitted) else f"{sentence}, allowed {figure(row.tolerance, '.1g')}"


def expected(row: Entry) -> str:
    """Return the expected value: a number, an interval of subgradients, or that it is unknown.

    The number is 0 if its uncertainty includes 0.
    """
    if row.slopes is not None:
        low, high = row.slopes
        zero_threshold = 2.0**-40 * (high - low)
        ends = [figure(0.0 if abs(end) <= zero_threshold else end) for end in (low, high)]
        return f"any slope from {ends[0]} to {ends[1]}"
    if not isfinite(row.uncertainty):
        return "what is not known"
    value = 0.0 if abs(row.expected) <= row.uncertainty else row.expected
    return f"{figure(value)} (± {figure(row.uncertainty, '.1g')})"


def plain(value: object) -> str:
    """Return a value of a document as text."""
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {plain(inner)}" for key, inner in value.items()) + ")"
    return f"{value:g}" if isinstance(value, float) else one_line(str(value))
