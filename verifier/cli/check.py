"""Implementation of `gradjury check`: check files and write their reports."""

import os
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product, repeat
from pathlib import Path
from typing import IO, Any

from verifier.cli.feedback import GRADES, FeedbackFolder, feedback_format, open_folder
from verifier.cli.files import (
    STANDARD_INPUT,
    CheckOptions,
    check_file,
    common_folder,
    expand_paths,
    folders_without_files,
    print_document_errors,
    print_error,
    title_of,
)
from verifier.cli.workers import check_files_in_workers
from verifier.documents.assignment_files import read_assignment_file
from verifier.documents.json import parse
from verifier.documents.output import open_output
from verifier.documents.tolerance import read_tolerance
from verifier.engine.threads import available_cores
from verifier.exporters import EXPORTERS
from verifier.exporters.classroom50 import VARIABLES
from verifier.exporters.exporter import Exporter, ExportOptions
from verifier.exporters.junit import DIALECTS
from verifier.exporters.student_view import to_student_view
from verifier.judging.traps import ANOTHER_LOSS, another_loss_notice
from verifier.oracles import ORACLES, suggest_oracle
from verifier.problem.errors import ErrorCollector, MalformedSubmission, describe, read_choice
from verifier.report.assignment import DEFAULT, StudentVisibility
from verifier.report.model import Audience
from verifier.report.outcome import FileOutcome, ReportBuffer
from verifier.report.points import Points, read_points
from verifier.report.verdict import ExitStatus, combined_status
from verifier.report.wording import totals

# A process takes two seconds to start. In this time one process judges 1.5 MB of JSON; the constant cost of
# a file is that of 12 kB.
_BYTES_PER_PROCESS = 1_500_000
_BYTES_PER_FILE = 12_000


class ReportWriter:
    """Writer of reports in one format.

    quiet: leave out correct submissions; write nothing at all if every submission is correct.
    """

    def __init__(
        self, stream: IO[str], exporter: Exporter, choices: ExportOptions, total: int, quiet: bool
    ) -> None:
        self._stream = stream
        self._exporter = exporter
        self._choices = choices
        self._total = total
        self._quiet = quiet
        self._written = 0
        self._statuses: list[ExitStatus] = []
        self._kept = ReportBuffer()

    def add(self, outcome: FileOutcome) -> None:
        """Write a submission's report, or keep it for the final document."""
        self._statuses.append(outcome.status)
        if self._exporter.between is None or self._exporter.beside:
            self._kept.add(outcome)
        is_skipped = outcome.report is None or (self._quiet and outcome.status is ExitStatus.CORRECT)
        if self._exporter.between is not None and not is_skipped:
            self._write(self._exporter.render((outcome,), self._choices))

    def close(self, environment: Mapping[str, str]) -> list[str]:
        """Write the final document, the summary of several submissions, and the additional files.

        environment: variables that name the additional files, such as GITHUB_STEP_SUMMARY.
        Return an error message for each additional file that could not be written. Such an error changes no
        verdict.
        """
        is_silent = self._quiet and all(status is ExitStatus.CORRECT for status in self._statuses)
        if self._exporter.between is None and not is_silent:
            self._write(self._exporter.render(self._kept.reports, self._choices))
        if self._exporter.closing is not None and self._total > 1 and not is_silent:
            self._write(self._exporter.closing(self._statuses))
        self._stream.flush()
        failures = []
        for variable, render in self._exporter.beside.items():
            if path := environment.get(variable):
                text = render(self._kept.reports, self._choices) + "\n"
                try:
                    with Path(path).open("a", encoding="utf-8") as stream:
                        stream.write(text)
                except OSError as error:
                    failures.append(
                        f"{variable}: expected a file that can be written, got {path!r} ({error})"
                    )
        return failures

    def _write(self, text: str) -> None:
        self._stream.write((self._exporter.between or "" if self._written else "") + text + "\n")
        self._stream.flush()
        self._written += 1


_PROGRESS_BAR_FROM = 10  # files
_SAME_FROM = 2  # files whose mistakes are told once
_FILES_NAMED = 5


@dataclass(frozen=True, slots=True)
class CliOptions:
    """Unchecked values of the options of `gradjury check`.

    assignment: file of the assignment that the submissions answer. names: file of names in the submissions.
    output_dir: folder of a report for each submission. audience: None for students where there is such a
    folder, else for graders. jobs: number of processes; None for at most one per core.
    """

    assignment: Path | None = None
    names: Path | None = None
    format_name: str = "text"
    tolerance: dict[str, Any] | None = None
    oracles: tuple[str, ...] | None = None
    entries: str = "worst"
    points: str | None = None
    output_dir: Path | None = None
    audience: str | None = None
    junit_dialect: str = "jenkins"
    jobs: int | None = None
    quiet: bool = False

    @property
    def reader(self) -> str:
        """The audience of the reports."""
        return self.audience or (Audience.GRADER if self.output_dir is None else Audience.STUDENT)


def check_files(arguments: Sequence[str], choices: CliOptions, output: Path | None) -> ExitStatus:
    """Judge the named submissions and write their reports; print errors to standard error.

    Return the exit status of the command.
    """
    try:
        manner, export, visibility, feedback = _check_choices(choices, arguments)
        stream: IO[str] = sys.stdout if output is None else open_output(output)
    except MalformedSubmission as error:
        print_document_errors(error.errors)
        return ExitStatus.MALFORMED
    sources = list(expand_paths(arguments))
    if choices.assignment is not None and (empty := list(folders_without_files(arguments, sources))):
        sources = sorted([*sources, *empty])
    manner = replace(manner, folder=common_folder(arguments, sources) if len(sources) > 1 else "")
    titles = [title_of(source, manner.folder) for source in sources]
    summary = _ClassSummary()
    with nullcontext(stream) if output is None else stream:
        quiet = choices.quiet and output is None
        writer = ReportWriter(stream, EXPORTERS[choices.format_name], export, len(sources), quiet)
        files = repeat(None) if feedback is None else feedback.files(titles)
        with closing(_judge_all(sources, manner, choices.jobs)) as outcomes:
            for outcome, title, file in zip(
                _with_progress(outcomes, len(sources)), titles, files, strict=False
            ):
                outcome = replace(outcome, label=title)
                summary.add(outcome)
                shown = _for_audience(choices.reader, outcome, visibility)
                if feedback is not None and file is not None:
                    feedback.write(file, shown)
                if choices.format_name == GRADES:
                    writer.add(outcome)
                elif feedback is None:
                    writer.add(shown)
        if feedback is not None and choices.format_name != GRADES:
            stream.write(f"{totals(summary.statuses)}; their reports are in {choices.output_dir}\n")
        else:
            for failure in writer.close(os.environ):
                print_error(failure)
    summary.print_remarks(choices.assignment)
    return combined_status(summary.statuses)


class _ClassSummary:
    """Counts over all submissions, for standard error."""

    def __init__(self) -> None:
        self.statuses: list[ExitStatus] = []
        self._malformed: dict[tuple[str, ...], list[str]] = {}  # the files that have the same mistakes
        self._fitting = 0  # the right gradient of another loss

    def add(self, outcome: FileOutcome) -> None:
        self.statuses.append(outcome.status)
        if outcome.report is not None:
            self._fitting += any(row.bug == ANOTHER_LOSS for row in outcome.report.diagnosis)
        if outcome.report is None and not outcome.broken and outcome.errors[0].pointer != "(file)":
            self._malformed.setdefault(outcome.complaints, []).append(outcome.path)
        else:
            _print_complaints(outcome.complaints, [outcome.path])

    def print_remarks(self, assignment: Path | None) -> None:
        """Print the mistakes of malformed files, and a question if most fit another loss."""
        for complaints, paths in self._malformed.items():
            _print_complaints(complaints, paths)
        judged = sum(status is not ExitStatus.MALFORMED for status in self.statuses)
        notice = another_loss_notice(self._fitting, judged)
        if notice is not None and assignment is not None:
            print_error(f"--assignment {assignment}: note: {notice}")


def _print_complaints(complaints: Sequence[str], paths: Sequence[str]) -> None:
    """Print the mistakes of files that have the same ones: once, if there are several files."""
    if len(paths) < _SAME_FROM:
        for path, complaint in product(paths, complaints):
            print_error(f"{path}: {complaint}")
        return
    rest = "" if len(paths) <= _FILES_NAMED else f" and {len(paths) - _FILES_NAMED} more"
    print_error(f"{len(paths)} files have the same mistakes: {', '.join(paths[:_FILES_NAMED])}{rest}")
    for complaint in complaints:
        print_error(f"  {complaint}")


def _judge_all(
    sources: Sequence[str], manner: CheckOptions, jobs: int | None
) -> Generator[FileOutcome, None, None]:
    processes = choose_worker_count(sources, jobs)
    if processes > 1 and STANDARD_INPUT not in sources:
        yield from check_files_in_workers(sources, manner, processes)
        return
    for source in sources:
        yield check_file(source, manner)


def choose_worker_count(sources: Sequence[str], jobs: int | None) -> int:
    """Return the number of processes for these files; 1 means that no worker is started.

    jobs: number that the user chose, if any.
    """
    if jobs is not None:
        return max(1, min(jobs, len(sources)))
    work = sum(_BYTES_PER_FILE + _size(source) for source in sources)
    return max(1, min(available_cores(), len(sources), work // _BYTES_PER_PROCESS))


def _size(source: str) -> int:
    try:
        return Path(source).stat().st_size
    except OSError:  # the error is reported when the file is judged
        return 0


def _for_audience(audience: str, outcome: FileOutcome, visibility: StudentVisibility) -> FileOutcome:
    if outcome.report is None or audience == Audience.GRADER:
        return outcome
    return replace(outcome, report=to_student_view(outcome.report, visibility))


def _check_choices(
    choices: CliOptions, arguments: Sequence[str]
) -> tuple[CheckOptions, ExportOptions, StudentVisibility, FeedbackFolder | None]:
    """Return the options' meaning. Raises: MalformedSubmission listing all invalid options."""
    errors = ErrorCollector()
    for option, value, valid in (
        ("--format", choices.format_name, EXPORTERS),
        ("--entries", choices.entries, ("worst", "all")),
        ("--audience", choices.reader, tuple(Audience)),
        ("--junit-dialect", choices.junit_dialect, DIALECTS),
    ):
        read_choice(value, valid, option, errors)
    for name in choices.oracles or ():
        if name not in ORACLES:
            remedy = suggest_oracle(name, ORACLES)
            errors.add("--oracles", f"names among {', '.join(ORACLES)}", repr(name), remedy)
    if choices.jobs is not None and choices.jobs < 1:
        errors.add("--jobs", "a number of processes, 1 or more", str(choices.jobs))
    tolerance = None
    if choices.tolerance is not None:
        of_tolerance = ErrorCollector()
        tolerance = read_tolerance(choices.tolerance, (), of_tolerance)
        errors.records += [
            replace(each, pointer=each.pointer.replace("/", "--")) for each in of_tolerance.records
        ]
    assignment = None if choices.assignment is None else read_assignment_file(choices.assignment, errors)
    if choices.reader == Audience.STUDENT and assignment is not None and not assignment.visibility.verdict:
        actual = "'student'" if choices.audience else "no audience, which means student beside --output-dir"
        remedy = "add --audience grader, or 'verdict' to students_see of the assignment"
        errors.add("--audience", "grader: the assignment shows students no verdict", actual, remedy)
    names = None if choices.names is None else _read_names(choices.names, errors)
    if choices.points is not None:
        points = read_points(choices.points, errors)
    else:
        points = Points() if assignment is None else assignment.points
    environment = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    export = ExportOptions(points, choices.junit_dialect, environment, datetime.now(UTC))
    feedback = None
    if choices.output_dir is not None and choices.format_name in EXPORTERS:
        feedback = open_folder(choices.output_dir, choices.format_name, export, arguments, errors)
    errors.raise_if_any()
    for warning in () if assignment is None else assignment.warnings:
        print_error(f"--assignment {choices.assignment}: note: {warning}")
    problem = None if assignment is None else assignment.problem
    visibility = DEFAULT if assignment is None else assignment.visibility
    entries = "all" if _shows_arrays(choices) else choices.entries
    options = CheckOptions(tolerance, choices.oracles, entries, problem, names=names)
    return options, export, visibility, feedback


def _read_names(path: Path, errors: ErrorCollector) -> dict[str, str] | None:
    try:
        names = parse(path.read_bytes())
    except OSError as error:
        errors.add(f"--names {path}", "a file that can be read", error.strerror or str(error))
        return None
    except MalformedSubmission as error:
        errors.add_all(error.errors, f"--names {path}")
        return None
    if not isinstance(names, dict) or not all(isinstance(known, str) for known in names.values()):
        errors.add(f"--names {path}", 'names by names, such as {"W1": "layers.0.weight"}', describe(names))
        return None
    return names


def _shows_arrays(choices: CliOptions) -> bool:
    exporter = EXPORTERS[feedback_format(choices.format_name)]
    return exporter.whole_arrays and choices.reader == Audience.GRADER


def _with_progress(outcomes: Iterable[FileOutcome], total: int) -> Iterable[FileOutcome]:
    if total < _PROGRESS_BAR_FROM or not sys.stderr.isatty():
        return outcomes
    from rich.console import Console
    from rich.progress import track

    return track(outcomes, "judging", total=total, console=Console(stderr=True), transient=True)
