"""Render reports as HTML: a section of a page, or a self-contained file."""

from verifier.report_page.page import render
from verifier.report_page.section import fragment
from verifier.report_page.templating import ASSETS

__all__ = ["ASSETS", "fragment", "render"]
