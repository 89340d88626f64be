"""Export GitHub workflow commands: the ten worst errors and warnings, and a notice with the totals.

GitHub shows ten annotations of each kind per step. Text of submitters is escaped, so that it cannot start a
command. The step summary is Markdown of at most 1 MiB.
"""

from collections.abc import Mapping, Sequence

from verifier.exporters import markdown
from verifier.exporters.common import MIB, findings_by_submission, sorted_by_severity, utf8_size
from verifier.exporters.exporter import ExportOptions
from verifier.report import wording
from verifier.report.outcome import FileOutcome
from verifier.report.verdict import Verdict

_MOST = 10
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return the commands, one per line."""
    wrong = sorted_by_severity(finding for rows in findings_by_submission(reports) for finding in rows)
    errors = [finding for finding in wrong if finding.verdict is not Verdict.UNDECIDED]
    warnings = [finding for finding in wrong if finding.verdict is Verdict.UNDECIDED]
    lines = []
    for command, findings in (("error", errors), ("warning", warnings)):
        for finding in findings[:_MOST]:
            properties = {"file": finding.path, "line": "1", "title": f"GradJury: {finding.rule}"}
            text = "\n".join(filter(None, (finding.message, finding.detail)))
            lines.append(_command(command, properties, text))
    totals = wording.totals([outcome.status for outcome in reports])
    omitted = len(wrong) - len(lines)
    more = f"; {omitted} more findings are not annotated" if omitted else ""
    return "\n".join([*lines, _command("notice", {"title": "GradJury"}, totals + more)])


def step_summary(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return Markdown for GITHUB_STEP_SUMMARY: as many submissions as fit, failed ones first."""
    head = f"# GradJury\n\n{wording.totals([outcome.status for outcome in reports])}."
    parts, room = [head], MIB - utf8_size(head) - 200
    ordered = sorted(reports, key=lambda outcome: outcome.status == 0)
    for position, outcome in enumerate(ordered):
        part = markdown.render((outcome,), choices)
        if utf8_size(part) + 2 > room:
            left = f"{len(ordered) - position} submissions are left out: a summary holds 1 MiB."
            return "\n\n".join([*parts, left])
        parts.append(part)
        room -= utf8_size(part) + 2
    return "\n\n".join(parts)


def _command(name: str, properties: Mapping[str, str], text: str) -> str:
    arguments = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    return f"::{name} {arguments}::{text.translate(_DATA)}"
