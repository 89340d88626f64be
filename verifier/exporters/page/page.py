"""Render reports as one self-contained HTML file with styles, scripts and data."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from markupsafe import Markup

from verifier.diagnosis.catalogue import find_bug
from verifier.exporters.common import mistakes_of
from verifier.exporters.exporter import ExportOptions
from verifier.exporters.page.figures import FigureBudget
from verifier.exporters.page.section import fragment
from verifier.exporters.page.templating import asset, render_template
from verifier.report import wording as sentences
from verifier.report.inspection import BugDetection, Inspection, bug_noun, format_locations, problem_noun
from verifier.report.outcome import FileOutcome, InspectionOutcome
from verifier.report.points import points_line
from verifier.report.verdict import ExitStatus
from verifier.report.wording import sanitize_line, truncate_line

PLOTLY = "plotly/plotly-cartesian.min.js"


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one page of all submissions. The budget for figures is spent on wrong submissions first."""
    budget = FigureBudget()
    wrong_first = sorted(range(len(reports)), key=lambda index: reports[index].status is ExitStatus.CORRECT)
    sections = {
        index: fragment(
            reports[index], f"s{index + 1}", budget, points=points_line(reports[index], choices.points)
        )
        for index in wrong_first
    }
    totals = sentences.totals([outcome.status for outcome in reports])
    body = render_template(
        "overview",
        reports=reports,
        totals=totals,
        points=[points_line(outcome, choices.points) for outcome in reports],
        mistakes=mistakes_of,
        sentences=sentences,
        shortened=truncate_line,
        left_out=_left_out(budget),
        sections=Markup("\n".join(sections[index] for index in range(len(reports)))),
    )
    return self_contained_page(
        title=truncate_line(reports[0].title) if len(reports) == 1 else totals,
        heading="Gradient report" if len(reports) == 1 else "Gradient reports",
        body=body,
        with_figures='<div class="figures"' in body,
    )


def self_contained_page(title: str, heading: str, body: str, with_figures: bool = False) -> str:
    """Return a self-contained page. Its content security policy allows its own scripts by their hashes.

    Plotly is in the page as text until the first figure is drawn, so that the page loads without delay.
    """
    style, script, library = asset("report.css"), asset("report.js"), asset(PLOTLY)
    scripts = [("text/plain", Markup(library))] if with_figures else []
    hashes = [_hash(script), _hash(library)] if with_figures else [_hash(script)]
    policy = (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return render_template(
        "page",
        policy=Markup(policy),
        title=title,
        heading=heading,
        style=Markup(style),
        body=Markup(body),
        scripts=[*scripts, ("", Markup(script))],
    ).rstrip("\n")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _left_out(budget: FigureBudget) -> str:
    if not budget.left_out:
        return ""
    return (
        f"The figures of {budget.left_out} parameters are left out, so that this page stays quick to load; "
        "what is wrong has its figures first. Where they are missing, a command gives them."
    )


def render_inspection(problems: Sequence[InspectionOutcome]) -> str:
    """Return one page of all problems: scores, advice, and the places where each bug remains undetected."""
    body = render_template(
        "inspection",
        problems=[(problem, _sorted_bugs(problem.inspection)) for problem in problems],
        title_of=_title,
        places=format_locations,
        made=bug_noun,
        shape=problem_noun,
        shortened=truncate_line,
        one_line=sanitize_line,
    )
    title = truncate_line(problems[0].path) if len(problems) == 1 else f"{len(problems)} problems"
    return self_contained_page(title=title, heading="What a check could reveal", body=body)


def _title(inspection: Inspection, name: str) -> str:
    bug = find_bug(name)
    if bug is None:
        return ""
    return bug.in_graph().title if inspection.of_graph else bug.words.title


def _sorted_bugs(inspection: Inspection | None) -> list[BugDetection]:
    """Return bugs in the order missed, confused with others, hidden by the shape, caught."""
    if inspection is None:
        return []
    rows = [row for row in inspection.bugs if row.made]
    return sorted(rows, key=lambda row: (not row.missed, not row.confused_with, not row.hidden, row.bug))
