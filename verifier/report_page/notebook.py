"""A report in a notebook: styles and words, without scripts, so that it shows where nothing may run too."""

from verifier.report import Report
from verifier.report_page.section import fragment
from verifier.report_page.templating import asset
from verifier.sourced import Sourced
from verifier.whole_arrays import without_arrays

# around it, since its paper may differ from the notebook's
_ROOM = ".gradjury-report { padding: 0.1rem 1rem 1rem; }"


def in_notebook(report: Report) -> str:
    """Give the section with its style sheet, whose rules reach nothing else of the notebook."""
    identity = f"gradjury-{id(report):x}"
    whole = any(row.entries is not None for row in report.parameters.values())
    remedy = "report.plot()" if whole else 'verify(…, entries="all").plot()'
    section = fragment(Sourced("", without_arrays(report)), identity, remedy=remedy)
    return f"<style>{asset('report.css')}{_ROOM}</style>{section}"
