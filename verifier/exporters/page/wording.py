"""Describe a report's verdict and its figures in sentences, also for readers who cannot see the figures."""

from typing import Any

from verifier.exporters.page.network_drawing import LayerState, LayerWithState
from verifier.report import wording as sentences
from verifier.report.document import summary_of
from verifier.report.model import Audience, ParameterReport
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.report.wording import format_number

_OPENING = {
    Verdict.CORRECT: "The gradient is right",
    Verdict.INCORRECT: "The gradient is wrong",
    Verdict.UNDECIDED: "It cannot be decided whether the gradient is right",
    Verdict.MISSING: "The gradient is missing",
}
_BAD = (Verdict.INCORRECT, Verdict.MISSING, Verdict.UNDECIDED)


def verdict_line(report: Report) -> str:
    """Return the verdict as a sentence, with counts of numbers, or of parameters for students."""
    opening = _OPENING[report.verdict]
    rows = list(report.parameters.values())
    if not rows:
        return f"{opening}."
    if report.audience is Audience.STUDENT:
        parts = [(sum(row.verdict is bad for row in rows), len(rows), bad) for bad in _BAD]
        unit = sentences.row_noun(report)
    else:
        summary = summary_of(report)
        parts = [(summary[str(bad)], summary["parameters"], bad) for bad in _BAD]
        unit = "number"
    counts = [f"{count:,} of {total:,} {unit}s {_is(count)} {bad}" for count, total, bad in parts if count]
    return f"{opening}: {', '.join(counts) or f'every {unit} agrees with the reference'}."


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def network_line(layers: list[LayerWithState]) -> str:
    """Return a description of the drawing of a network."""
    by_state = {
        state: [str(layer.index) for layer in layers if layer.state is state]
        for state in (
            LayerState.FIRST_WRONG,
            LayerState.WRONG,
            LayerState.INHERITED,
            LayerState.MISSING,
            LayerState.UNDECIDED,
        )
    }
    templates = {
        LayerState.FIRST_WRONG: ("the error begins in {}",) * 2,
        LayerState.WRONG: ("{} is wrong", "{} are wrong"),
        LayerState.INHERITED: ("{} inherits the error from above", "{} inherit the error from above"),
        LayerState.MISSING: ("a gradient of {} is missing",) * 2,
        LayerState.UNDECIDED: ("{} is undecided", "{} are undecided"),
    }
    parts = [
        templates[state][len(indices) > 1].format(_layers(indices))
        for state, indices in by_state.items()
        if indices
    ]
    line = "; ".join(parts) or "every layer is right"
    return line[0].upper() + line[1:] + "."


def _layers(indices: list[str]) -> str:
    shown = indices if len(indices) <= 8 else [*indices[:7], f"{len(indices) - 7} more"]
    return f"layer {shown[0]}" if len(shown) == 1 else f"layers {', '.join(shown[:-1])} and {shown[-1]}"


def heatmap_line(row: ParameterReport, heatmap: dict[str, Any]) -> str:
    """Return a description of the heatmap and the location of the worst entry."""
    rows, columns = heatmap["block"]
    cells = "Each cell is one number"
    if rows * columns > 1:
        cells = f"Each cell is the worst of a block of {rows} × {columns} numbers"
    worst = row.worst[0] if row.worst else None
    where = f" The worst number is at {list(worst.index)}." if worst is not None else ""
    colours = "blue within the threshold, orange beyond it, grey where undecided"
    return f"{cells}; its colour is the error over the threshold: {colours}.{where}"


def histogram_line(histogram: dict[str, Any]) -> str:
    """Return the counts of numbers within and beyond the threshold."""
    parts = [f"{histogram['within']:,} within the threshold ({histogram['exact']:,} of them exact)"]
    parts += [f"{histogram[side]:,} {side}" for side in ("beyond", "undecided") if histogram[side]]
    return f"How many numbers are how far off: {', '.join(parts)}."


def scatter_line(scatter: dict[str, Any]) -> str:
    """Return a description of the points, and of the line through them if there is one."""
    shown, total = len(scatter["index"]), scatter["of"]
    line = "The one number" if total == 1 else f"All {total:,} numbers"
    if shown < total:
        line = f"{shown:,} of {total:,} numbers, the worst among them"
    line += ", submitted against expected; right ones lie on the dotted diagonal."
    if scatter["slope"] is not None:
        factor = format_number(scatter["slope"], ".6g")
        line += f" These lie on a line of slope {factor}: the right gradient times a constant."
    return line
