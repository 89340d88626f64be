"""One report as a section of a page."""

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

MOST_DETAILED = 100  # parameters with a part of their own
_ORDER = (Verdict.INCORRECT, Verdict.MISSING, Verdict.UNDECIDED, Verdict.CORRECT)
_MEANING = MappingProxyType(
    {
        "bound": "proved: the right value lies within it",
        "estimate": "estimated: the right value is expected within it",
        "unknown": "unknown",
    }
)


def fragment(own: Sourced, identity: str = "report", budget: Budget | None = None, remedy: str = "") -> str:
    """Give a report's HTML section; its figures are data that `report.js` draws where arrays were kept.

    identity: what its anchors begin with, its own where a page has several. budget: room for figures, which
    a page's sections share. remedy: what gives the figures that are not here; the command line by default.
    """
    report = own.report
    parts = {} if report is None else _parts_of(report, Budget() if budget is None else budget)
    return rendered(
        "section",
        identity=identity,
        title=own.title,
        subtitle=own.path if own.path != own.title else "",
        report=report,
        status=sentences.status(own.status),
        complaints=own.complaints,
        command=command(own),
        remedy=remedy or f"{command(own)} --format html --output report.html",
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


def _parts_of(report: Report, budget: Budget) -> dict[str, object]:
    full = report.audience is Audience.GRADER
    ordered = sorted(report.parameters.values(), key=_badness)
    layers = layer_states(report) if report.graph is None and _may_be_placed(report) else []
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
        **_graph_of(report),
    }


def _graph_of(report: Report) -> dict[str, object]:
    if report.graph is None or not report.graph.nodes:
        return {"picture": None}
    states = node_states(report, report.graph)
    return {
        "picture": graph_drawing.graph_drawing(report.graph, states),
        "graph_line": graph_wording.graph_line(report.graph, states),
    }


def _may_be_placed(report: Report) -> bool:
    """Say whether a reader is told where: a student from whom places are withheld gets no drawing of them."""
    told = any(row.equation for row in report.diagnosis) or report.verdict is not Verdict.INCORRECT
    return told or report.audience is Audience.GRADER


def _badness(row: ParameterReport) -> tuple[int, float]:
    share = row.relative_norm_error
    return _ORDER.index(row.verdict), 0.0 if share is None else -2.0 if isnan(share) else -share
