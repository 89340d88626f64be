"""Judging files: what `gradjury check` does with its arguments."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import track

from verifier.documents.files import SUFFIXES, parse_bytes
from verifier.documents.json_text import write
from verifier.documents.mistakes import MalformedSubmission, Mistakes
from verifier.documents.reading import read_submission
from verifier.documents.tolerance_reading import read_tolerance
from verifier.exit_status import ExitStatus, of_all, of_verdict
from verifier.exporters import EXPORTERS
from verifier.oracles import ORACLES
from verifier.output import opened
from verifier.pipeline import verify
from verifier.report import Report
from verifier.tolerance import Tolerance

_MANY = 10  # from how many files on a terminal sees a progress bar


@dataclass(frozen=True, slots=True)
class Choices:
    """What the options said, unchecked."""

    format_name: str = "text"
    tolerance: dict[str, Any] | None = None
    oracles: tuple[str, ...] | None = None
    entries: str = "worst"


def check_files(arguments: Sequence[str], choices: Choices, output: Path | None) -> ExitStatus:
    """Judge every submission named, write the reports, and say on standard error what could not be judged."""
    try:
        tolerance = _checked(choices)
        sources = list(sources_of(arguments))
        stream: IO[str] = sys.stdout if output is None else opened(output)
    except MalformedSubmission as error:
        for mistake in error.mistakes:
            print(f"{mistake.pointer}: {mistake.detail}", file=sys.stderr)  # noqa: T201
        return ExitStatus.MALFORMED
    with nullcontext(stream) if output is None else stream:
        return _check_all(sources, choices, tolerance, stream)


def _check_all(
    sources: Sequence[str], choices: Choices, tolerance: Tolerance | None, stream: IO[str]
) -> ExitStatus:
    statuses = []
    for position, source in enumerate(_with_progress(sources)):
        report = _judge(source, choices, tolerance)
        if isinstance(report, ExitStatus):
            statuses.append(report)
            continue
        statuses.append(of_verdict(report.verdict))
        stream.write(_rendered(report, source, choices.format_name, first=position == 0))
    return of_all(statuses)


def _judge(source: str, choices: Choices, tolerance: Tolerance | None) -> Report | ExitStatus:
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        submission = read_submission(parse_bytes(content))
    except OSError as error:
        print(f"{source}: {error.strerror or error}", file=sys.stderr)  # noqa: T201
        return ExitStatus.MALFORMED
    except MalformedSubmission as error:
        for mistake in error.mistakes:
            print(f"{source}: {mistake.pointer or '(document)'}: {mistake.detail}", file=sys.stderr)  # noqa: T201
        return ExitStatus.MALFORMED
    if submission.name is None and source != "-":
        submission = replace(submission, name=Path(source).name)
    if tolerance is not None:
        submission = replace(submission, tolerance=tolerance)
    return verify(submission, oracles=choices.oracles, entries=choices.entries)


def _checked(choices: Choices) -> Tolerance | None:
    """Read the tolerance of the options; note every option that names nothing known."""
    mistakes = Mistakes()
    if choices.format_name not in EXPORTERS:
        mistakes.add("--format", f"one of {', '.join(EXPORTERS)}", repr(choices.format_name))
    for name in choices.oracles or ():
        if name not in ORACLES:
            mistakes.add("--oracles", f"names among {', '.join(ORACLES)}", repr(name))
    if choices.entries not in ("worst", "all"):
        mistakes.add("--entries", "worst or all", repr(choices.entries))
    tolerance = None
    if choices.tolerance is not None:
        tolerance = read_tolerance(choices.tolerance, "tolerance", mistakes)
    mistakes.raise_if_any()
    return tolerance


def sources_of(arguments: Iterable[str]) -> Iterator[str]:
    """Give files as they are; a folder's submissions, sorted, at any depth."""
    for argument in arguments:
        path = Path(argument)
        if argument == "-" or not path.is_dir():
            yield argument
            continue
        found = sorted(str(p) for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
        if not found:
            print(f"{argument}: no file ends in {', '.join(SUFFIXES)}", file=sys.stderr)  # noqa: T201
        yield from found


def _with_progress(sources: Sequence[str]) -> Iterable[str]:
    if len(sources) < _MANY or not sys.stderr.isatty():
        return sources
    return track(sources, "judging", console=Console(stderr=True), transient=True)


def _rendered(report: Report, source: str, format_name: str, *, first: bool) -> str:
    if format_name == "json":
        return write({"source": source, **report.to_dict()}) + "\n"
    return ("" if first else "\n") + EXPORTERS[format_name].export(report) + "\n"
