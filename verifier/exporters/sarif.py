"""Export SARIF 2.1.0 for code scanning: a rule per bug, a result per parameter that is not correct.

GitHub shows at most 5000 results, so the worst are kept, and a notification has the number of the others.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from verifier.diagnosis.catalogue import UNEXPLAINED_IN_GRAPH, find_bug, find_local_rule
from verifier.documents.json import to_json
from verifier.exporters.common import (
    INTERNAL_ERROR,
    MALFORMED,
    ExportedFinding,
    findings_by_submission,
    general_rule,
    sorted_by_severity,
)
from verifier.exporters.exporter import ExportOptions
from verifier.report.outcome import FileOutcome
from verifier.report.verdict import Verdict

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_MOST = 5000
_RULES: Mapping[str, str] = {
    INTERNAL_ERROR: "A submission could not be judged, which is not its fault.",
    MALFORMED: "A file is not a submission.",
    general_rule(Verdict.INCORRECT): "A gradient is wrong.",
    general_rule(Verdict.MISSING): "A gradient was not given.",
    general_rule(Verdict.UNDECIDED): "Whether a gradient is right cannot honestly be told here.",
}


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one run of all submissions."""
    findings = sorted_by_severity(finding for rows in findings_by_submission(reports) for finding in rows)
    shown = findings[:_MOST]
    rules = sorted({finding.rule for finding in shown})
    layer_rules = {finding.rule for finding in shown if not finding.of_graph}
    rule_documents = [_rule(name, of_graph=name not in layer_rules) for name in rules]
    driver = {"name": "GradJury", "version": version("gradjury"), "rules": rule_documents}
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, rules.index(finding.rule)) for finding in shown],
    }
    if len(findings) > _MOST:
        text = f"{len(findings) - _MOST} more parameters are not correct; the worst {_MOST} are listed"
        note = {"level": "warning", "message": {"text": text}}
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": [note]}]
    return to_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(name: str, of_graph: bool) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": name, "shortDescription": {"text": _RULES.get(name, name)}}
    if of_graph:
        local_rule = find_local_rule(name)
        if local_rule is not UNEXPLAINED_IN_GRAPH:
            texts = (local_rule.title, local_rule.right, local_rule.wrong, local_rule.general_hint)
            rule |= _rule_texts(*texts)
    elif (bug := find_bug(name)) is not None:
        rule |= _rule_texts(bug.words.title, bug.words.right, bug.words.wrong, bug.general_hint)
    return rule


def _rule_texts(title: str, right: str, wrong: str, hint: str) -> dict[str, Any]:
    return {
        "shortDescription": {"text": title[:1024]},
        "fullDescription": {"text": f"right: {right}; used: {wrong}"[:1024]},
        "help": {"text": hint},
    }


def _result(finding: ExportedFinding, rule_index: int) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(finding.path)},
            "region": {"startLine": 1},
        }
    }
    if finding.parameter:
        location["logicalLocations"] = [{"name": finding.parameter, "kind": "variable"}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": "warning" if finding.verdict is Verdict.UNDECIDED else "error",
        "message": {"text": "\n".join(filter(None, (finding.message, finding.detail)))},
        "locations": [location],
        "partialFingerprints": {"gradjury/v1": finding.fingerprint},
    }
