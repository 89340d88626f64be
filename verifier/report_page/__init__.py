"""The report that people look at, as a section of a page and as a file that stands alone."""

from verifier.report_page.page import render
from verifier.report_page.section import fragment
from verifier.report_page.templating import ASSETS

__all__ = ["ASSETS", "fragment", "render"]
