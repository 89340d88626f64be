"""Render a report for notebooks, without scripts, which some viewers do not run."""

from verifier.exporters.page.section import fragment
from verifier.exporters.page.templating import asset
from verifier.report.outcome import FileOutcome, drop_arrays
from verifier.report.report import Report

# padding, since the background may differ from the notebook's
_PADDING = ".gradjury-report { padding: 0.1rem 1rem 1rem; }"


def notebook_html(report: Report) -> str:
    """Return the report's section with its style sheet, which applies to this section only."""
    identity = f"gradjury-{id(report):x}"
    has_arrays = any(row.entries is not None for row in report.parameters.values())
    remedy = "report.plot()" if has_arrays else 'verify(…, entries="all").plot()'
    section = fragment(FileOutcome("", drop_arrays(report)), identity, remedy=remedy)
    return f"<style>{asset('report.css')}{_PADDING}</style>{section}"
