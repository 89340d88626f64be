"""report.plot(): a figure of matplotlib, or what mends its absence."""

import subprocess
import sys

import numpy as np
import pytest

from tests.verifier.builders import small_document, with_value
from verifier import verify
from verifier.exporters.page.plotting import MOST_ROWS, PlotRefused
from verifier.exporters.student_view import to_student_view

DOCUMENT = small_document(name="$\\broken_{tex$")
GRADIENT = np.asarray(DOCUMENT["gradients"]["layers.0.weight"])
TRIPLED = with_value(DOCUMENT, ["gradients", "layers.0.weight"], (3 * GRADIENT).tolist())


def test_a_figure_has_a_heatmap_and_a_scatter_a_parameter_worst_first():
    report = verify(TRIPLED, entries="all")
    figure = report.plot()
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert titles[0] == "layers.0.weight: incorrect"
    assert len(titles) == len(report.parameters) <= MOST_ROWS
    labels = {
        text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().texts
    }
    assert labels == {"right", "slope 3"}
    assert figure._repr_png_().startswith(b"\x89PNG")


ENDS = ["NaN", "Infinity", "-Infinity", 1e308]


@pytest.mark.parametrize(
    "values", [ENDS, *(pytest.param([end], marks=pytest.mark.nightly) for end in ENDS)], ids=str
)
def test_what_is_not_finite_is_drawn_without_a_warning(values):
    bias = [*values, *DOCUMENT["gradients"]["layers.0.bias"][len(values) :]]
    document = with_value(DOCUMENT, ["gradients", "layers.0.bias"], bias)
    report = verify(document, oracles=("backpropagation",), entries="all")
    assert report.plot()._repr_png_()


def test_a_report_of_the_worst_numbers_says_how_to_get_all():
    with pytest.raises(PlotRefused, match=r"entries='all'"):
        verify(TRIPLED).plot()


def test_a_students_report_has_nothing_to_draw():
    with pytest.raises(PlotRefused, match="student's report"):
        to_student_view(verify(TRIPLED, entries="all")).plot()


def test_without_matplotlib_the_remedy_is_told_and_nothing_else_needs_it():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from verifier import verify\n"
        "from verifier.examples.layers import example_document\n"
        "report = verify(example_document('pytorch'), oracles=['backpropagation'], entries='all')\n"
        "assert report._repr_html_()\n"
        "try: report.plot()\n"
        "except ImportError as error: print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'gradjury[plot]'" in result.stdout
    assert result.stderr == ""
