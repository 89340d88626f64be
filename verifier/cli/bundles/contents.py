"""Create the files of a bundle: templates of the platform, assignment, prepared results and GradJury."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from verifier.cli.bundles.bundle import Bundle, BundleOrder, File
from verifier.cli.bundles.packages import packages
from verifier.cli.bundles.plain_results import plain_results
from verifier.documents.assignment import assignment_to_document
from verifier.documents.files import SUFFIXES
from verifier.documents.json import to_json
from verifier.documents.reading import question_of, sizes_of
from verifier.documents.writing import arrays_to_lists
from verifier.report.assignment import Assignment
from verifier.report.points import Points, round_points
from verifier.report.wording import sanitize_line

if TYPE_CHECKING:
    from jinja2 import Environment

_PROGRAMS = ("grade.py", "judge.py")
_BYTES_BESIDE_NUMBERS = 1 << 20  # allowance for everything in a submission except its numbers
_BYTES_PER_NUMBER = 100  # of indented JSON


def build_files(bundle: Bundle, order: BundleOrder) -> Mapping[str, File]:
    """Return every file by path. The result is reproducible for a given version of GradJury."""
    sizes = _sizes(order.assignment)
    order = replace(order, assignment=_with_total(order.assignment, len(sizes)))
    document = arrays_to_lists(assignment_to_document(order.assignment))
    text = to_json(document) + "\n"
    largest = _BYTES_BESIDE_NUMBERS + _BYTES_PER_NUMBER * sum(sizes)
    texts = {
        f"{bundle.question}/assignment.json": text,
        f"{bundle.question}/settings.json": to_json(_settings(bundle, largest)) + "\n",
        bundle.problem: to_json(document["problem"]) + "\n",
    }
    for path, plain in plain_results(bundle, order.assignment.points, largest).items():
        texts[f"{bundle.question}/plain/{path}"] = plain
    variables = _template_variables(bundle, order, text)
    for path, template in bundle.templates.items():
        texts[path] = _environment().get_template(f"{template}.jinja").render(variables)
    files = {path: File(content.encode(), path in bundle.executables) for path, content in texts.items()}
    for path, source in packages().items():
        files[f"{bundle.program}/packages/{path}"] = File(source)
    for program in _PROGRAMS:
        script = files[f"{bundle.program}/packages/verifier/cli/bundles/carried/{program}"]
        files[f"{bundle.program}/{program}"] = script
    return dict(sorted(files.items()))


def _sizes(assignment: Assignment) -> list[int]:
    return sizes_of(question_of(assignment.problem))


def _with_total(assignment: Assignment, parameters: int) -> Assignment:
    """Return the assignment with its total points, which results without parameters need, too."""
    if assignment.points.total is not None or assignment.points.by_name:
        return assignment
    return replace(assignment, points=Points(total=float(parameters)))


def _settings(bundle: Bundle, largest: int) -> dict[str, Any]:
    return {
        "submission": bundle.submission,
        "results": bundle.results,
        "names": list(bundle.names),
        "deep": bundle.deep,
        "largest": largest,
        "seconds": bundle.seconds,
        "outputs": [asdict(result) for result in bundle.result_files],
        "gate": bundle.gate,
        "tells": bundle.tells,
    }


def _template_variables(bundle: Bundle, order: BundleOrder, text: str) -> dict[str, Any]:
    version = metadata.version("gradjury")
    assignment = order.assignment
    has_dates = assignment.opens is not None or assignment.closes is not None
    return {
        "title": sanitize_line(assignment.title),
        "version": version,
        "image": order.image or f"gradjury-grader:{version}",
        "uuid": order.uuid or str(uuid5(NAMESPACE_OID, text)),
        "points": f"{round_points(assignment.points.total or sum(assignment.points.by_name.values())):g}",
        "rules": assignment.attempts is not None or has_dates,
        "attempts": assignment.attempts,
        "opens": assignment.opens,
        "closes": assignment.closes,
        "files": [name + suffix for name in bundle.names for suffix in SUFFIXES],
        "archive": bundle.archive,
        "problem": bundle.problem,
        "program": bundle.program,
        "question": bundle.question,
        "requirements": next(path for path in bundle.templates if path.endswith("requirements.txt")),
    }


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("verifier.cli.bundles", "."),
        autoescape=False,  # shell, YAML, Markdown; the only HTML template escapes its variables itself
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
