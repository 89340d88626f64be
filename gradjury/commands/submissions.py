"""`gradjury submit`, `status` and `report`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradjury.commands.session import (
    AssignmentArgument,
    ListFormat,
    ListFormatOption,
    OutputOption,
    ServerOption,
    complete_assignment,
    connect,
    find_assignment,
    json_text,
    note,
    table,
    write_result,
)
from verifier.report.verdict import ExitStatus, Verdict, combined_status, exit_status_of

if TYPE_CHECKING:
    from gradjury.client.client import Client
    from gradjury.client.records import BatchStatus, Outcome, SubmissionSummary
    from verifier.report.report import Report

_Format = Annotated[
    str, typer.Option("--format", help="text, json, markdown, html, junit, … (see catalogue).")
]


def add_commands(app: typer.Typer) -> None:
    app.command()(submit)
    app.command()(status)
    app.command()(report)


def submit(
    assignment: AssignmentArgument,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Gradients: a JSON, npz or safetensors file. For graders also files, a folder or a zip, "
            "with a file or a folder for each student."
        ),
    ],
    student: Annotated[str | None, typer.Option(help="For graders: the name of the student.")] = None,
    format_name: _Format = "text",
    output: OutputOption = None,
    server: ServerOption = None,
) -> None:
    """Submit gradients to an assignment and print the report; for many files, a table of verdicts.

    Exit status: 0 correct, or received where students see no verdict; 1 incorrect; 2 refused; 3 undecided;
    4 the service does not answer.
    """
    from gradjury.client.uploads import is_archive  # loads numpy

    with connect(server) as client:
        assignment_id = find_assignment(client, assignment)
        if len(files) > 1 or files[0].is_dir() or is_archive(files[0]):
            if student is not None:
                raise ValueError(
                    "--student goes with one file; of several, each is named for its student, as in ada.npz"
                )
            status = _submit_batch(client, assignment_id, files, format_name, output)
            raise typer.Exit(int(status))
        receipt = client.submit(assignment_id, files[0], student=student)
        if receipt.report is None:
            write_result("received; the assignment shows its students no verdict\n", output)
            return
        _write_report(receipt.report, format_name, output)
    raise typer.Exit(int(exit_status_of(receipt.report.verdict)))


def status(
    assignment: Annotated[
        str | None,
        typer.Argument(
            metavar="[ASSIGNMENT]",
            help="Its id or title; leave it out for the service and its assignments.",
            autocompletion=complete_assignment,
        ),
    ] = None,
    format_name: ListFormatOption = ListFormat.TEXT,
    server: ServerOption = None,
) -> None:
    """Show the service and its assignments, or the submissions to one of them."""
    with connect(server) as client:
        if assignment is None:
            _show_service(client, format_name)
            return
        rows = client.submissions(find_assignment(client, assignment))
        if format_name is ListFormat.JSON:
            write_result(json_text([asdict(row) for row in rows]), None)
        else:
            write_result(_submissions(rows), None)


def report(
    report_id: Annotated[str, typer.Argument(metavar="REPORT", help="Its id, as gradjury status shows it.")],
    format_name: _Format = "text",
    output: OutputOption = None,
    server: ServerOption = None,
) -> None:
    """Print a stored report in any format."""
    with connect(server) as client:
        _write_report(client.report(report_id), format_name, output)


def _submit_batch(
    client: "Client", assignment_id: str, files: Sequence[Path], format_name: str, output: Path | None
) -> ExitStatus:
    """Submit a file for each student, print a row for each, and return the exit status for all."""
    if format_name not in tuple(ListFormat):
        raise ValueError(
            f"--format: expected text or json for several files, got {format_name!r}; "
            "gradjury report REPORT prints one report in any format"
        )
    source = files[0] if len(files) == 1 else files
    batch = client.create_batch(source, assignment=assignment_id)
    with _progress_bar(batch) as progress:
        client.wait_for_batch(batch, progress=progress)
    outcomes = client.outcomes(batch)
    if format_name == ListFormat.JSON:
        rows = [
            {
                "student": outcome.source,
                "state": outcome.state,
                "verdict": outcome.verdict,
                "refusal": outcome.refusal,
                "report": outcome.report_id,
            }
            for outcome in outcomes
        ]
        write_result(json_text(rows), output)
    else:
        heads = ("student", "verdict", "report")
        cells = [(row.source, row.verdict or row.state, row.report_id or row.refusal) for row in outcomes]
        write_result(table(heads, cells), output)
        sys.stdout.flush()  # before the note, also into a file of both
        note(f"grades: gradjury grades {assignment_id}")
    return combined_status(map(_status_of, outcomes))


def _status_of(outcome: "Outcome") -> ExitStatus:
    return ExitStatus.MALFORMED if outcome.verdict is None else exit_status_of(Verdict(outcome.verdict))


@contextmanager
def _progress_bar(batch: "BatchStatus") -> "Iterator[Callable[[BatchStatus], None]]":
    """Yield a function that shows how far a batch is, on a terminal alone."""
    from rich.console import Console  # the light commands need none of it
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("judging", total=batch.total)
        yield lambda state: progress.update(task, completed=state.done)


def _show_service(client: "Client", format_name: ListFormat) -> None:
    holder, rows = client.whoami(), client.assignments()
    if format_name is ListFormat.JSON:
        document = {"server": client.url, "role": holder.role, "subject": holder.subject}
        write_result(json_text(document | {"assignments": [asdict(row) for row in rows]}), None)
        return
    cells = [(row.id, row.state, row.title) for row in rows]
    heads = ("id", "state", "title")
    text = table(heads, cells) if rows else "no assignments\n"
    write_result(f"{client.url} as {holder.subject} ({holder.role})\n{text}", None)


def _submissions(rows: "Sequence[SubmissionSummary]") -> str:
    heads = ("student", "attempt", "received", "verdict", "points", "report")
    cells = [
        (
            row.student,
            row.attempt,
            row.received.astimezone().isoformat(" ", "minutes"),
            row.verdict,
            None if row.earned is None else f"{row.earned:g}/{row.worth:g}",
            row.report or row.refusal,
        )
        for row in rows
    ]
    return table(heads, cells) if rows else "no submissions\n"


def _write_report(report: "Report", format_name: str, output: Path | None) -> None:
    from verifier.exporters import EXPORTERS  # loads numpy
    from verifier.problem.errors import malformed, suggest_name

    if format_name not in EXPORTERS:
        rule = f"one of {', '.join(EXPORTERS)}"
        raise malformed("--format", rule, repr(format_name), suggest_name(format_name, EXPORTERS))
    write_result(EXPORTERS[format_name].export(report) + "\n", output)
