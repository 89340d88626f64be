"""Render the figures of parameters, within a budget of characters per page."""

import json
from dataclasses import dataclass

from markupsafe import Markup

from verifier.report import ParameterReport
from verifier.report_page import wording
from verifier.report_page.figures import figures

BUDGET = 2_500_000  # characters of figures in a page; with 1.5 million of Plotly, a page is below 5 MB


@dataclass(slots=True)
class Budget:
    """The remaining budget of a page.

    room: in characters. left_out: the number of parameters without figures for lack of room.
    """

    room: int = BUDGET
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class DrawnParameter:
    """A parameter with its figures.

    figures: JSON for the browser, empty if there is nothing to draw. left_out: there was no room.
    """

    row: ParameterReport
    figures: str = ""
    left_out: bool = False
    heatmap_line: str = ""
    histogram_line: str = ""
    scatter_line: str = ""


def drawn_parameter(row: ParameterReport, budget: Budget) -> DrawnParameter:
    """Return a parameter with its figures, if it has whole arrays and the budget suffices."""
    data = figures(row) if budget.room > 0 else None
    text = "" if data is None else _to_json(data)
    if row.entries is not None and (budget.room <= 0 or len(text) > budget.room):
        budget.left_out += 1
        return DrawnParameter(row, left_out=True)
    if data is None:
        return DrawnParameter(row)
    budget.room -= len(text)
    return DrawnParameter(
        row,
        Markup(text),
        heatmap_line=wording.heatmap_line(row, data["heatmap"]),
        histogram_line=wording.histogram_line(data["histogram"]),
        scatter_line=wording.scatter_line(data["scatter"]),
    )


def _to_json(data: object) -> str:
    """Return JSON for a script element, with all characters of markup escaped."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
