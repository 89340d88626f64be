"""A parameter with its figures, written into a page as far as a budget of characters reaches."""

import json
from dataclasses import dataclass

from markupsafe import Markup

from verifier.report import ParameterReport
from verifier.report_page import wording
from verifier.report_page.figures import figures

BUDGET = 2_500_000  # characters of figures in a page; with Plotly's 1.5 million it stays below 5 MB


@dataclass(slots=True)
class Budget:
    """How many characters of figures there is room for; what does not fit any more is counted."""

    room: int = BUDGET
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class DrawnParameter:
    """figures: JSON for the browser, empty where there is nothing to draw. left_out: there was no room."""

    row: ParameterReport
    figures: str = ""
    left_out: bool = False
    heatmap_line: str = ""
    histogram_line: str = ""
    scatter_line: str = ""


def drawn_parameter(row: ParameterReport, budget: Budget) -> DrawnParameter:
    """Draw a parameter if its arrays are there and the budget allows it."""
    found = figures(row) if budget.room > 0 else None
    text = "" if found is None else _written(found)
    if row.entries is not None and (budget.room <= 0 or len(text) > budget.room):
        budget.left_out += 1
        return DrawnParameter(row, left_out=True)
    if found is None:
        return DrawnParameter(row)
    budget.room -= len(text)
    return DrawnParameter(
        row,
        Markup(text),
        heatmap_line=wording.heatmap_line(row, found["heatmap"]),
        histogram_line=wording.histogram_line(found["histogram"]),
        scatter_line=wording.scatter_line(found["scatter"]),
    )


def _written(found: object) -> str:
    """Write JSON that can stand in a script element: no character of it begins or ends markup."""
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
