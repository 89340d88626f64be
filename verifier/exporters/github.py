"""GitHub's workflow commands: an error for each of the worst ten, and a notice with the totals.

Ten is what a step shows of each kind. Whatever a submitter wrote stands behind GitHub's own escapes, so that
no line begins but with a command of ours. The step summary is Markdown of at most 1 MiB, written beside it.
"""

from collections.abc import Mapping, Sequence

from verifier.exporters import markdown, sentences
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.finding import of_each, worst_first
from verifier.exporters.fitting import MIB, size
from verifier.sourced import Sourced
from verifier.verdict import Verdict

_MOST = 10
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give the commands, one a line."""
    wrong = worst_first(finding for own in of_each(reports) for finding in own)
    errors = [finding for finding in wrong if finding.verdict is not Verdict.UNDECIDED]
    warnings = [finding for finding in wrong if finding.verdict is Verdict.UNDECIDED]
    lines = []
    for command, found in (("error", errors), ("warning", warnings)):
        for finding in found[:_MOST]:
            place = {"file": finding.path, "line": "1", "title": f"GradJury: {finding.rule}"}
            text = "\n".join(filter(None, (finding.message, finding.detail)))
            lines.append(_command(command, place, text))
    told = sentences.totals([own.status for own in reports])
    unsaid = len(wrong) - len(lines)
    more = f"; {unsaid} more findings are not annotated" if unsaid else ""
    return "\n".join([*lines, _command("notice", {"title": "GradJury"}, told + more)])


def step_summary(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give Markdown for GITHUB_STEP_SUMMARY: as many whole submissions as fit, those that fail first."""
    head = f"# GradJury\n\n{sentences.totals([own.status for own in reports])}."
    parts, room = [head], MIB - size(head) - 200
    ordered = sorted(reports, key=lambda own: own.status == 0)
    for position, own in enumerate(ordered):
        part = markdown.render((own,), choices)
        if size(part) + 2 > room:
            left = f"{len(ordered) - position} submissions are left out: a summary holds 1 MiB."
            return "\n\n".join([*parts, left])
        parts.append(part)
        room -= size(part) + 2
    return "\n\n".join(parts)


def _command(name: str, properties: Mapping[str, str], text: str) -> str:
    given = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    return f"::{name} {given}::{text.translate(_DATA)}"
