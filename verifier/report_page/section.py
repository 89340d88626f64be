"""Render one report as a section of a page."""

from math import isnan
from types import MappingProxyType

from verifier.exporters import diagnosis, sentences
from verifier.exporters.graph import expression
from verifier.exporters.harmless import one_line, shortened
from verifier.report import Audience, ParameterReport, Report
from verifier.report_page import graph_drawing, graph_wording, network_drawing, wording
from verifier.report_page.drawn_figures import Budget, drawn_parameter
from verifier.report_page.graph_states import SIGNS, node_states
from verifier.report_page.layer_states import layer_states
from verifier.report_page.reproducing import command
from verifier.report_page.templating import rendered
from verifier.sourced import Sourced
from verifier.verdict import Verdict

MOST_DETAILED = 100  # parameters with details
_ORDER = (Verdict.INCORRECT, Verdict.MISSING, Verdict.UNDECIDED, Verdict.CORRECT)
_MEANING = MappingProxyType(
    {
        "bound": "proved: the right value lies within it",
        "estimate": "estimated: the right value is expected within it",
        "unknown": "unknown",
    }
)


def fragment(
    outcome: Sourced, identity: str = "report", budget: Budget | None = None, remedy: str = ""
) -> str:
    """Return the HTML section of a submission. `report.js` draws the figures of whole arrays.

    identity: the prefix of its anchors, unique in a page. budget: for figures, shared by all sections.
    remedy: the command for missing figures; the default is the command line.
    """
    report = outcome.report
    parts = {} if report is None else _variables(report, Budget() if budget is None else budget)
    return rendered(
        "section",
        identity=identity,
        title=outcome.title,
        subtitle=outcome.path if outcome.path != outcome.title else "",
        report=report,
        status=sentences.status(outcome.status),
        complaints=outcome.complaints,
        command=command(outcome),
        remedy=remedy or f"{command(outcome)} --format html --output report.html",
        sentences=sentences,
        diagnosis=diagnosis,
        drawn=network_drawing,
        painted=graph_drawing,
        signs=SIGNS,
        expression=expression,
        meaning=_MEANING,
        shortened=shortened,
        one_line=one_line,
        order=_ORDER.index,
        **parts,
    )


def _variables(report: Report, budget: Budget) -> dict[str, object]:
    full = report.audience is Audience.GRADER
    ordered = sorted(report.parameters.values(), key=_sort_key)
    layers = layer_states(report) if report.graph is None and _locations_visible(report) else []
    loss = report.loss.graded_under.get("name")
    detailed = ordered[:MOST_DETAILED] if full else []
    return {
        "full": full,
        "verdict_line": wording.verdict_line(report),
        "layers": layers,
        "loss_name": f": {shortened(str(loss), 30)}" if loss else "",
        "network_line": wording.network_line(layers) if layers else "",
        "drawing": network_drawing.drawing(layers),
        "ordered": ordered,
        "detailed": [drawn_parameter(row, budget) for row in detailed],
        "unkept": any(row.counted and row.entries is None for row in detailed),
        "undetailed": len(ordered) - len(detailed) if full else 0,
        **_graph_variables(report),
    }


def _graph_variables(report: Report) -> dict[str, object]:
    if report.graph is None or not report.graph.nodes:
        return {"picture": None}
    states = node_states(report, report.graph)
    return {
        "picture": graph_drawing.graph_drawing(report.graph, states),
        "graph_line": graph_wording.graph_line(report.graph, states),
    }


def _locations_visible(report: Report) -> bool:
    """True if the reader may see where errors are; otherwise there is no drawing."""
    is_visible = any(row.equation for row in report.diagnosis) or report.verdict is not Verdict.INCORRECT
    return is_visible or report.audience is Audience.GRADER


def _sort_key(row: ParameterReport) -> tuple[int, float]:
    error = row.relative_norm_error
    return _ORDER.index(row.verdict), 0.0 if error is None else -2.0 if isnan(error) else -error
