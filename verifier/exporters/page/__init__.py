"""Render reports as HTML: a section of a page, or a self-contained file."""

from verifier.exporters.page.page import render
from verifier.exporters.page.section import fragment, network_figure, network_picture, network_text
from verifier.exporters.page.templating import ASSETS

__all__ = ["ASSETS", "fragment", "network_figure", "network_picture", "network_text", "render"]
