"""A report in a notebook: styles and words, without scripts, so that it shows where nothing may run too."""

from dataclasses import replace

from verifier.report import Report
from verifier.report_page.section import fragment
from verifier.report_page.templating import asset
from verifier.sourced import Sourced


def in_notebook(report: Report) -> str:
    """Give the section with its style sheet, whose rules reach nothing else of the notebook."""
    rows = {name: replace(row, entries=None) for name, row in report.parameters.items()}
    section = fragment(Sourced("", replace(report, parameters=rows)), f"gradjury-{id(report):x}")
    return f"<style>{asset('report.css')}</style>{section}"
