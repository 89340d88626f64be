"""Files of feedback: a report for each submission, in a folder of its own (`check --output-dir`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verifier.documents.json import to_json
from verifier.documents.output import open_output
from verifier.exporters import EXPORTERS
from verifier.exporters.exporter import Exporter, ExportOptions
from verifier.exporters.grades import student_names
from verifier.problem.errors import ErrorCollector
from verifier.report import wording
from verifier.report.outcome import FileOutcome

GRADES = "grades"  # a table; its files of feedback are pages
_PAGES = "html"
_LONGEST_NAME = 200  # bytes; file systems allow 255


@dataclass(frozen=True, slots=True)
class FeedbackFolder:
    """The folder and the format of the files."""

    path: Path
    exporter: Exporter
    options: ExportOptions

    def files(self, titles: Sequence[str]) -> list[Path]:
        """Return a file for each title: `abel.html` for `abel/grads.npz`."""
        return [self.path / _file_name(name, self.exporter.suffix) for name in student_names(titles)]

    def write(self, file: Path, outcome: FileOutcome) -> None:
        """Write the report, or the mistakes of a malformed submission. Raises: MalformedSubmission."""
        text = self.exporter.render((outcome,), self.options) or _complaints(outcome, self.exporter.suffix)
        file.parent.mkdir(parents=True, exist_ok=True)
        with open_output(file) as stream:
            stream.write(text + "\n")


def feedback_format(format_name: str) -> str:
    """Return the format of feedback beside a format of the command line."""
    return _PAGES if format_name == GRADES else format_name


def open_folder(
    path: Path, format_name: str, options: ExportOptions, arguments: Sequence[str], errors: ErrorCollector
) -> FeedbackFolder:
    """Return the folder, created if it is absent; note an error if it cannot hold the files."""
    folder = FeedbackFolder(path, EXPORTERS[feedback_format(format_name)], options)
    for argument in arguments:
        if Path(argument).is_dir() and path.resolve().is_relative_to(Path(argument).resolve()):
            remedy = "name one beside it: its files would be taken for submissions"
            errors.add("--output-dir", f"a folder outside of {argument!r}", repr(str(path)), remedy)
            return folder
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        actual = f"{str(path)!r} ({error.strerror or type(error).__name__})"
        errors.add("--output-dir", "a folder that can be written", actual, "name another folder")
    return folder


def _file_name(name: str, suffix: str) -> str:
    steps = [step for step in name.split("/") if step not in ("", ".", "..")] or ["submission"]
    steps[-1] = steps[-1].encode()[:_LONGEST_NAME].decode(errors="ignore") + suffix
    return "/".join(steps)


def _complaints(outcome: FileOutcome, suffix: str) -> str:
    """Return the mistakes of a submission in formats that have no place for them."""
    if suffix == ".json":
        errors = [{"pointer": each.pointer, "detail": each.detail} for each in outcome.errors]
        return to_json({"source": outcome.source, "errors": errors or list(outcome.complaints)})
    lines = [f"{outcome.title}: {wording.status(outcome.status)}", *outcome.complaints]
    return "\n  ".join(map(wording.sanitize_line, lines))
