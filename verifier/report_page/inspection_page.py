"""What problems could reveal, as one file that stands alone."""

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
    """Give one page of all problems: the score, what to change, and every bug with where it would pass."""
    body = rendered(
        "inspection",
        problems=[(own, _ordered(own.inspection)) for own in problems],
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


def _ordered(inspection: Inspection | None) -> list[BugPower]:
    """Put first what is missed, then what is confused, then what cannot show at all."""
    if inspection is None:
        return []
    rows = [row for row in inspection.bugs if row.made]
    return sorted(rows, key=lambda row: (not row.missed, not row.confused_with, not row.hidden, row.bug))
