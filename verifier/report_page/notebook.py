"""A report in a notebook: styles and words, without scripts, so that it shows where nothing may run too."""

from verifier.report import Report
from verifier.report_page.section import fragment
from verifier.report_page.templating import asset
from verifier.sourced import Sourced
from verifier.whole_arrays import without_arrays


def in_notebook(report: Report) -> str:
    """Give the section with its style sheet, whose rules reach nothing else of the notebook."""
    identity = f"gradjury-{id(report):x}"
    section = fragment(Sourced("", without_arrays(report)), identity, remedy="report.plot()")
    return f"<style>{asset('report.css')}</style>{section}"
