"""Draw heatmaps and scatter plots of a report. Only this module needs matplotlib."""

from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator, NullLocator

from verifier.exporters.page.figures import LARGEST_DRAWN, fit_factor, select_points
from verifier.exporters.page.templating import (
    SCALE_END,
    clip_severity,
    divide_into_blocks,
    severities,
    severity_ranks,
    to_matrix,
)
from verifier.report.model import Entries, ParameterReport
from verifier.report.report import Report
from verifier.report.wording import truncate_line

_WITHIN, _BEYOND, _UNDECIDED = "#2f6db1", "#d9670d", "#8a8f98"
_SCALE = (  # two hues with a step in lightness at the threshold
    (0.0, "#08306b"),
    (0.25, _WITHIN),
    (0.5, "#b8d6ee"),
    (0.5, "#fdd9a6"),
    (0.75, _BEYOND),
    (1.0, "#6b2500"),
)


class ReportPicture(Figure):
    """A figure without a window, which notebooks show as PNG."""

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.savefig(stream, format="png")
        return stream.getvalue()


def draw_report(report: Report, rows: list[tuple[ParameterReport, Entries]]) -> ReportPicture:
    """Return a figure with a heatmap and a scatter plot per parameter."""
    figure = ReportPicture(figsize=(10.0, 0.4 + 2.8 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, squeeze=False, width_ratios=(2, 1))
    figure.suptitle(truncate_line(f"{report.name or 'submission'}: {report.verdict}", 80), parse_math=False)
    for (row, entries), (left, right) in zip(rows, axes, strict=True):
        image = _heatmap(left, row, entries)
        _scatter(right, entries)
        colour_bar = figure.colorbar(image, ax=left, ticks=[-SCALE_END, 0, SCALE_END])
        colour_bar.ax.set_yticklabels(["≤ 1e-8", "threshold", "≥ 1e8"])
    return figure


def _heatmap(axes: Axes, row: ParameterReport, entries: Entries) -> AxesImage:
    matrix = to_matrix(severities(entries))
    height, width = matrix.shape
    worst = matrix.ravel()[divide_into_blocks(severity_ranks(matrix)).worst]
    colours = LinearSegmentedColormap.from_list("error over threshold", _SCALE).with_extremes(bad=_UNDECIDED)
    title = f"{truncate_line(row.name, 40)}: {row.verdict}"
    axes.set_title(title, loc="left", fontsize="medium", parse_math=False)
    axes.set(xlabel="column", ylabel="row" if height > 1 else "")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True) if height > 1 else NullLocator())
    return axes.imshow(
        clip_severity(worst),
        cmap=colours,
        vmin=-SCALE_END,
        vmax=SCALE_END,
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )


def _scatter(axes: Axes, entries: Entries) -> None:
    severity = severities(entries)
    points = select_points(severity_ranks(severity), entries.expected)
    x, y, beyond = (a.ravel()[points] for a in (entries.expected, entries.submitted, severity > 0))
    drawable = (np.abs(x) < LARGEST_DRAWN) & (np.abs(y) < LARGEST_DRAWN)  # False for NaN
    for side, colour, marker in ((~beyond, _WITHIN, "o"), (beyond, _BEYOND, "x")):
        axes.scatter(x[drawable & side], y[drawable & side], s=12, c=colour, marker=marker)
    axes.set(xlabel="expected", ylabel="submitted")
    if drawable.any():
        line_ends = np.array([x[drawable].min(), x[drawable].max()])
        axes.plot(line_ends, line_ends, color="grey", linestyle="dotted", label="right")
        factor = fit_factor(entries.submitted, entries.expected)
        if factor is not None:
            axes.plot(line_ends, factor * line_ends, color="black", linewidth=1, label=f"slope {factor:.6g}")
        axes.legend(fontsize="small")
