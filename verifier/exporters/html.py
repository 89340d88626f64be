"""A page of its own: nothing is loaded, nothing is run; tables first, light or dark as the reader has it."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from verifier.exporters import diagnosis, sentences
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.harmless import one_line, shortened
from verifier.report import Audience
from verifier.sourced import Sourced

if TYPE_CHECKING:
    from jinja2 import Template

_ENTRIES_SHOWN = 3


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give one page of all submissions; the template escapes whatever it is given."""
    return _template().render(
        reports=reports,
        totals=sentences.totals([own.status for own in reports]),
        sentences=sentences,
        diagnosis=diagnosis,
        shortened=shortened,
        one_line=one_line,
        grader=Audience.GRADER,
        entries_shown=_ENTRIES_SHOWN,
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("verifier.exporters", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja")
