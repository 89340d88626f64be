"""Render inspections of problems as one self-contained HTML page."""

from collections.abc import Sequence

from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.inspection import BugPower, Inspection
from verifier.exporters.harmless import one_line, shortened
from verifier.exporters.inspection import made, places, shape
from verifier.graphs.diagnosis.rules import LOCAL_RULES
from verifier.inspected import Inspected
from verifier.report_page.page import standing_alone
from verifier.report_page.templating import rendered


def render(problems: Sequence[Inspected]) -> str:
    """Return one page of all problems: scores, advice, and the places where each bug remains undetected."""
    body = rendered(
        "inspection",
        problems=[(problem, _sorted_bugs(problem.inspection)) for problem in problems],
        titles={name: row.words.title for name, row in BUGS.items()}
        | {rule.id: rule.title for rule in LOCAL_RULES},
        places=places,
        made=made,
        shape=shape,
        shortened=shortened,
        one_line=one_line,
    )
    title = shortened(problems[0].path) if len(problems) == 1 else f"{len(problems)} problems"
    return standing_alone(title=title, heading="What a check could reveal", body=body)


def _sorted_bugs(inspection: Inspection | None) -> list[BugPower]:
    """Return bugs in the order missed, confused with others, hidden by the shape, caught."""
    if inspection is None:
        return []
    rows = [row for row in inspection.bugs if row.made]
    return sorted(rows, key=lambda row: (not row.missed, not row.confused_with, not row.hidden, row.bug))
