"""Draw heatmaps and scatter plots of a report. Only this module needs matplotlib."""

from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator, NullLocator

from verifier.exporters.page.figures import DRAWN, chosen, slope
from verifier.exporters.page.templating import END, as_matrix, in_blocks, on_scale, ranks, severities
from verifier.report.model import Entries, ParameterReport
from verifier.report.report import Report
from verifier.report.wording import shortened

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


def picture(report: Report, rows: list[tuple[ParameterReport, Entries]]) -> ReportPicture:
    """Return a figure with a heatmap and a scatter plot per parameter."""
    figure = ReportPicture(figsize=(10.0, 0.4 + 2.8 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, squeeze=False, width_ratios=(2, 1))
    figure.suptitle(shortened(f"{report.name or 'submission'}: {report.verdict}", 80), parse_math=False)
    for (row, entries), (left, right) in zip(rows, axes, strict=True):
        image = _heatmap(left, row, entries)
        _scatter(right, entries)
        colour_bar = figure.colorbar(image, ax=left, ticks=[-END, 0, END])
        colour_bar.ax.set_yticklabels(["≤ 1e-8", "threshold", "≥ 1e8"])
    return figure


def _heatmap(axes: Axes, row: ParameterReport, entries: Entries) -> AxesImage:
    matrix = as_matrix(severities(entries))
    height, width = matrix.shape
    worst = matrix.ravel()[in_blocks(ranks(matrix)).worst]
    colours = LinearSegmentedColormap.from_list("error over threshold", _SCALE).with_extremes(bad=_UNDECIDED)
    title = f"{shortened(row.name, 40)}: {row.verdict}"
    axes.set_title(title, loc="left", fontsize="medium", parse_math=False)
    axes.set(xlabel="column", ylabel="row" if height > 1 else "")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True) if height > 1 else NullLocator())
    return axes.imshow(
        on_scale(worst),
        cmap=colours,
        vmin=-END,
        vmax=END,
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )


def _scatter(axes: Axes, entries: Entries) -> None:
    severity = severities(entries)
    points = chosen(ranks(severity), entries.expected)
    x, y, beyond = (a.ravel()[points] for a in (entries.expected, entries.submitted, severity > 0))
    drawable = (np.abs(x) < DRAWN) & (np.abs(y) < DRAWN)  # False for NaN
    for side, colour, marker in ((~beyond, _WITHIN, "o"), (beyond, _BEYOND, "x")):
        axes.scatter(x[drawable & side], y[drawable & side], s=12, c=colour, marker=marker)
    axes.set(xlabel="expected", ylabel="submitted")
    if drawable.any():
        line_ends = np.array([x[drawable].min(), x[drawable].max()])
        axes.plot(line_ends, line_ends, color="grey", linestyle="dotted", label="right")
        factor = slope(entries.submitted, entries.expected)
        if factor is not None:
            axes.plot(line_ends, factor * line_ends, color="black", linewidth=1, label=f"slope {factor:.6g}")
        axes.legend(fontsize="small")
