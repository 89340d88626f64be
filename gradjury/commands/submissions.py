"""`gradjury submit`, `status` and `report`."""

from collections.abc import Sequence
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
    table,
    write_result,
)
from verifier.report.verdict import exit_status_of

if TYPE_CHECKING:
    from gradjury.client.client import Client
    from gradjury.client.records import SubmissionRow
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
    file: Annotated[Path, typer.Argument(help="Gradients: a JSON, npz or safetensors file.")],
    student: Annotated[str | None, typer.Option(help="For graders: the name of the student.")] = None,
    format_name: _Format = "text",
    output: OutputOption = None,
    server: ServerOption = None,
) -> None:
    """Submit gradients to an assignment and print the report.

    Exit status: 0 correct, or received where students see no verdict; 1 incorrect; 2 refused; 3 undecided;
    4 the service does not answer.
    """
    with connect(server) as client:
        receipt = client.submit(find_assignment(client, assignment), file, student=student)
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


def _submissions(rows: "Sequence[SubmissionRow]") -> str:
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
