"""A page of its own: see `verifier.report_page`, which is loaded when the first is written."""

from collections.abc import Sequence

from verifier.exporters.exporter import ExportChoices
from verifier.sourced import Sourced


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give one page of all submissions, with figures where their whole arrays were kept."""
    from verifier.report_page import render as page

    return page(reports, choices)
