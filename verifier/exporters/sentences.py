"""A report's parts as sentences, the same in every format that people read."""

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
    """Give a number shortly: no -0, and the contract's words for what is not finite."""
    return format(value + 0.0, digits) if isfinite(value) else str(number(value))


def measure(value: float | None, digits: str = ".1e") -> str:
    """Give a measure for a table; nothing where there is none, as beside a NaN."""
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
    """Say how many submissions came to what: `3 submissions: 1 correct, 2 incorrect`."""
    found = Counter(statuses)
    counts = ", ".join(f"{found[status]} {word}" for status, word in _STATUSES.items() if found[status])
    return f"{len(statuses)} submission{'' if len(statuses) == 1 else 's'}: {counts or 'none'}"


def status(own: ExitStatus) -> str:
    return _STATUSES[own]


def unit(report: Report) -> str:
    """Say what a report has a row of: of a graph, gradients of inputs and nodes too."""
    return "parameter" if report.graph is None else "gradient"


def counts(report: Report) -> str:
    """Say how many numbers are right; to a student, how many rows."""
    if report.audience is Audience.STUDENT:
        rows = list(report.parameters.values())
        verdicts = Counter(row.verdict for row in rows)
        found = [f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict]]
        named = f"{unit(report)}{'' if len(rows) == 1 else 's'}"
        return f"{len(rows)} {named}: {', '.join(found)}" if rows else ""
    summary = summary_of(report)
    kinds = ("correct", "incorrect", "undecided", "missing")
    return f"{summary['parameters']} numbers: " + ", ".join(
        f"{summary[kind]} {kind}" for kind in kinds if summary[kind]
    )


def state(row: ParameterReport) -> str:
    """Say what was found of a parameter, with counts and a measure where the reader may have them."""
    wrong = row.incorrect or row.undecided
    if not row.counted or not wrong:
        return _STATES[row.verdict]
    found = f"{wrong} of {row.counted} numbers {'is' if wrong == 1 else 'are'} {row.verdict}"
    relative = measure(row.relative_norm_error)
    return f"{found}, relative error {relative}" if relative else found


def graded_under(report: Report) -> str:
    return f"graded under: {declared_loss(report)}; {report.precision}"


def declared_loss(report: Report) -> str:
    """Give every field of the loss, presets expanded."""
    return ", ".join(f"{key} {plain(value)}" for key, value in report.loss.graded_under.items())


def loss(report: Report) -> str:
    own = report.loss
    if own.verdict is None or own.reported is None:
        return f"loss: {figure(own.value)}"
    return f"loss: {own.verdict}: reported {figure(own.reported)}, it is {figure(own.value)}"


def tolerance(report: Report) -> str:
    own = report.tolerance or {}
    named = f"{own['preset']}: " if own.get("preset") else ""
    return f"tolerance: {named}rtol {plain(own.get('rtol'))}, atol {plain(own.get('atol'))}"


def oracles(report: Report) -> Iterator[str]:
    for item in report.evidence:
        if item.agrees is None:
            yield f"{item.oracle} not asked ({item.reason or 'no entry could be told'})"
        else:
            word = "agrees" if item.agrees else "CONTRADICTS"
            within = figure(item.max_disagreement or 0.0, ".1g")
            looked_at = f"; {item.reason}" if item.reason else ""
            yield f"{item.oracle} {word} ({item.entries} entries, within {within}{looked_at})"


def entry(own: Entry) -> str:
    """Say what was submitted and what is right: a number (0 if nothing tells it from 0) or an interval."""
    found = f"submitted {figure(own.submitted)}, expected {expected(own)}"
    return found if isnan(own.submitted) else f"{found}, allowed {figure(own.tolerance, '.1g')}"


def expected(own: Entry) -> str:
    """Say what is right of an entry: a number, an interval of slopes, or that nobody knows."""
    if own.slopes is not None:
        low, high = own.slopes
        nothing = 2.0**-40 * (high - low)
        ends = [figure(0.0 if abs(end) <= nothing else end) for end in (low, high)]
        return f"any slope from {ends[0]} to {ends[1]}"
    if not isfinite(own.uncertainty):
        return "what is not known"
    value = 0.0 if abs(own.expected) <= own.uncertainty else own.expected
    return f"{figure(value)} (± {figure(own.uncertainty, '.1g')})"


def plain(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {plain(inner)}" for key, inner in value.items()) + ")"
    return f"{value:g}" if isinstance(value, float) else one_line(str(value))
