"""Render one report as a section of a page."""

from math import isnan
from shlex import quote
from types import MappingProxyType

from markupsafe import Markup

from verifier.exporters.page import graph_drawing, graph_wording, network_drawing, wording
from verifier.exporters.page.figures import FigureBudget, render_parameter
from verifier.exporters.page.graph_drawing import SIGNS, node_states
from verifier.exporters.page.network_drawing import layer_states
from verifier.exporters.page.templating import asset, render_template
from verifier.oracles import LAYER_ORACLES
from verifier.report import wording as diagnosis
from verifier.report import wording as sentences
from verifier.report.formulas import formulas_of
from verifier.report.model import Audience, ParameterReport
from verifier.report.outcome import FileOutcome
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.report.wording import operation_text, sanitize_line, truncate_line


def reproduction_command(outcome: FileOutcome) -> str:
    """Return the shell command. If the submission is not from a file, it has a placeholder file name."""
    words = ["gradjury", "check", _file(outcome)]
    if outcome.report is not None:
        words += [*_tolerance(outcome.report), *_oracles(outcome.report)]
    return " ".join(words)


def _file(outcome: FileOutcome) -> str:
    if (
        outcome.source in ("", "-") or "::" in outcome.source
    ):  # "::" is in names of tests, which are not files
        return "submission.json"
    name = quote(truncate_line(outcome.source))
    return f"./{name}" if name.startswith("-") else name


def _tolerance(report: Report) -> list[str]:
    tolerance = report.tolerance or {}
    if tolerance.get("preset"):
        return ["--preset", quote(str(tolerance["preset"]))]
    return [f"--{name} {tolerance[name]!r}" for name in ("rtol", "atol") if tolerance.get(name) is not None]


def _oracles(report: Report) -> list[str]:
    """Return the option --oracles if a default oracle was not used.

    Further oracles are left out: they run by themselves to settle disagreements.
    """
    used = {item.oracle for item in report.evidence}
    defaults = {name for name, row in LAYER_ORACLES.items() if row.by_default}
    return [] if not used or defaults <= used else ["--oracles", ",".join(sorted(map(quote, used)))]


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
    outcome: FileOutcome,
    identity: str = "report",
    budget: FigureBudget | None = None,
    remedy: str = "",
    points: str = "",
) -> str:
    """Return the HTML section of a submission. `report.js` draws the figures of whole arrays.

    identity: the prefix of its anchors, unique in a page. budget: for figures, shared by all sections.
    remedy: the command for missing figures; the default is the command line.
    points: a line with the earned points; empty if there are none.
    """
    report = outcome.report
    parts: dict[str, object] = (
        {} if report is None else _variables(report, FigureBudget() if budget is None else budget)
    )
    return render_template(
        "section",
        identity=identity,
        title=outcome.title,
        subtitle=outcome.path if outcome.path != outcome.title else "",
        report=report,
        points=points,
        status=sentences.status(outcome.status),
        complaints=outcome.complaints,
        command=reproduction_command(outcome),
        remedy=remedy or f"{reproduction_command(outcome)} --format html --output report.html",
        sentences=sentences,
        diagnosis=diagnosis,
        formulas_of=formulas_of,
        painted=graph_drawing,
        signs=SIGNS,
        expression=operation_text,
        meaning=_MEANING,
        shortened=truncate_line,
        one_line=sanitize_line,
        order=_ORDER.index,
        style="",
        **parts,
    )


def _variables(report: Report, budget: FigureBudget) -> dict[str, object]:
    full = report.audience is Audience.GRADER
    ordered = sorted(report.parameters.values(), key=_sort_key)
    detailed = ordered[:MOST_DETAILED] if full else []
    return {
        "full": full,
        "verdict_line": wording.verdict_line(report),
        "ordered": ordered,
        "detailed": [render_parameter(row, budget) for row in detailed],
        "unkept": any(row.counted and row.entries is None for row in detailed),
        "undetailed": len(ordered) - len(detailed) if full else 0,
        **_network_variables(report),
        **_graph_variables(report),
    }


def network_figure(report: Report, identity: str) -> str:
    """Return the drawing of a network of layers as a figure of a page with the style sheet of reports."""
    return render_template("network", identity=identity, style="", **_network_variables(report))


def network_picture(report: Report) -> str:
    """Return the drawing of a network of layers as an SVG file, in light and dark."""
    style = Markup(asset("network.css"))
    return render_template("network_svg", identity="picture", style=style, **_network_variables(report))


def network_text(report: Report) -> str:
    """Return the alternative text of the drawing."""
    return f"The network. {wording.network_line(layer_states(report))}"


def _network_variables(report: Report) -> dict[str, object]:
    layers = layer_states(report) if report.graph is None and _locations_visible(report) else []
    loss = report.loss.graded_under.get("name")
    return {
        "layers": layers,
        "loss_name": f": {truncate_line(str(loss), 30)}" if loss else "",
        "network_line": wording.network_line(layers) if layers else "",
        "drawing": network_drawing.drawing(layers),
        "drawn": network_drawing,
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
