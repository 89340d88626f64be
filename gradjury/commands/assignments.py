"""`gradjury assignment`: create, list, show, edit, close, reopen, copy and delete."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradjury.commands.session import (
    AssignmentArgument,
    ListFormat,
    ListFormatOption,
    OutputOption,
    ServerOption,
    connect,
    find_assignment,
    json_text,
    note,
    table,
    write_result,
)

if TYPE_CHECKING:
    from gradjury.client.records import AssignmentDetails

_NONE = "none"  # takes a field back to its default
_commands = typer.Typer(no_args_is_help=True, help="Create and change assignments of a service.")
_Title = Annotated[str | None, typer.Option(help="Title.")]
_Points = Annotated[
    str | None, typer.Option(help="Points in all, such as 10, or by parameter, such as W1=2,b1=1; or 'none'.")
]
_Attempts = Annotated[str | None, typer.Option(help="Submissions of a student; 'none' for any number.")]
_Opens = Annotated[
    str | None, typer.Option(help="Moment such as 2026-12-07T18:00, in local time; or 'none'.")
]
_Closes = Annotated[
    str | None, typer.Option(help="Moment such as 2026-12-07T18:00, in local time; or 'none'.")
]
_Sees = Annotated[
    str | None, typer.Option(help="What students see: verdict,parameters,layer,bug,hint; or 'nothing'.")
]


def add_commands(app: typer.Typer) -> None:
    app.add_typer(_commands, name="assignment")


@_commands.command()
def create(
    file: Annotated[Path, typer.Argument(help="The assignment, as JSON.")], server: ServerOption = None
) -> None:
    """Create an assignment and print its id."""
    with connect(server) as client:
        _announce(client.create_assignment(file))


@_commands.command(name="list")
def list_assignments(format_name: ListFormatOption = ListFormat.TEXT, server: ServerOption = None) -> None:
    """List the assignments that your token opens."""
    with connect(server) as client:
        rows = client.assignments()
        if format_name is ListFormat.JSON:
            typer.echo(
                json_text([{"id": row.id, "title": row.title, "state": row.state} for row in rows]), nl=False
            )
        else:
            cells = [(row.id, row.state, _moment(row.closes), row.title) for row in rows]
            typer.echo(table(("id", "state", "closes", "title"), cells), nl=False)


@_commands.command()
def show(
    assignment: AssignmentArgument,
    format_name: ListFormatOption = ListFormat.TEXT,
    output: OutputOption = None,
    server: ServerOption = None,
) -> None:
    """Show an assignment. As JSON it has the problem, and `edit --file` takes it back."""
    with connect(server) as client:
        record = client.assignment(find_assignment(client, assignment))
        whole = format_name is ListFormat.JSON or output is not None
        write_result(json_text(record.document) if whole else _summary(record), output)


@_commands.command()
def edit(
    assignment: AssignmentArgument,
    file: Annotated[
        Path | None, typer.Option(help="JSON of the fields to change, or what show --format json printed.")
    ] = None,
    title: _Title = None,
    points: _Points = None,
    attempts: _Attempts = None,
    opens: _Opens = None,
    closes: _Closes = None,
    students_see: _Sees = None,
    server: ServerOption = None,
) -> None:
    """Change fields of an assignment."""
    with connect(server) as client:
        changes = _changes(file, title, points, attempts, opens, closes, students_see)
        if not changes:
            raise ValueError(
                "expected a field to change, such as --attempts 3; see gradjury assignment edit --help"
            )
        record = client.edit_assignment(find_assignment(client, assignment), changes)
        typer.echo(_summary(record), nl=False)
        _note_warnings(record)


@_commands.command()
def close(assignment: AssignmentArgument, server: ServerOption = None) -> None:
    """End the submission period now."""
    with connect(server) as client:
        typer.echo(_summary(client.close_assignment(find_assignment(client, assignment))), nl=False)


@_commands.command()
def reopen(assignment: AssignmentArgument, server: ServerOption = None) -> None:
    """Take submissions again, without an end."""
    with connect(server) as client:
        typer.echo(_summary(client.reopen_assignment(find_assignment(client, assignment))), nl=False)


@_commands.command()
def copy(
    assignment: AssignmentArgument,
    title: _Title = None,
    opens: _Opens = None,
    closes: _Closes = None,
    server: ServerOption = None,
) -> None:
    """Copy an assignment, without its students and period, and print the id of the copy."""
    with connect(server) as client:
        changes = _changes(None, title, None, None, opens, closes, None)
        _announce(client.copy_assignment(find_assignment(client, assignment), changes))


@_commands.command()
def delete(
    assignment: AssignmentArgument,
    with_submissions: Annotated[
        bool, typer.Option("--with-submissions", help="Delete what students submitted, too.")
    ] = False,
    server: ServerOption = None,
) -> None:
    """Delete an assignment."""
    with connect(server) as client:
        client.delete_assignment(find_assignment(client, assignment), with_submissions=with_submissions)


def _announce(record: "AssignmentDetails") -> None:
    typer.echo(record.id)
    if record.notice is not None:
        note(record.notice)
    _note_warnings(record)


def _note_warnings(record: "AssignmentDetails") -> None:
    for warning in record.warnings:
        note(f"warning: {warning}")


def _summary(record: "AssignmentDetails") -> str:
    attempts = "any number" if record.attempts is None else str(record.attempts)
    if record.attempts_left is not None:
        attempts += f", {record.attempts_left} left"
    rows = {
        "id": record.id,
        "title": record.title,
        "state": record.state,
        "opens": _moment(record.opens),
        "closes": _moment(record.closes),
        "points": json.dumps(record.points),
        "attempts": attempts,
        "students see": ", ".join(record.students_see) or "nothing",
        "numbers": "each student's own" if record.instances == "per_student" else "the same for all",
        "revision": record.revision,
    }
    return "".join(f"{line}\n" for line in table(("", ""), list(rows.items())).splitlines()[1:])


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone().isoformat(timespec="minutes")


def _changes(
    file: Path | None,
    title: str | None,
    points: str | None,
    attempts: str | None,
    opens: str | None,
    closes: str | None,
    students_see: str | None,
) -> dict[str, Any]:
    """Return the fields that the options change. Raises: OSError; ValueError with a remedy."""
    changes: dict[str, Any] = {} if file is None else _read_fields(file)
    if title is not None:
        changes["title"] = title
    if points is not None:
        changes["points"] = _read_points(points)
    if attempts is not None:
        changes["attempts"] = _read_json("--attempts", attempts)
    for name, text in (("opens", opens), ("closes", closes)):
        if text is not None:
            changes[name] = _read_moment(f"--{name}", text)
    if students_see is not None:
        names = [name.strip() for name in students_see.split(",")]
        changes["students_see"] = [] if names == ["nothing"] else names
    return changes


def _read_fields(file: Path) -> dict[str, Any]:
    try:
        fields = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file}: expected JSON ({error})") from None
    if not isinstance(fields, dict):
        raise ValueError(f'{file}: expected an object of fields, such as {{"attempts": 3}}')
    return fields


def _read_json(option: str, text: str) -> Any:
    if text == _NONE:
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{option}: expected a number or 'none', got {text!r}") from None


def _read_points(text: str) -> Any:
    """Return points as `gradjury check --points` reads them; also JSON by parameter, and 'none'."""
    from verifier.problem.errors import ErrorCollector  # loads numpy
    from verifier.report.points import read_points

    if text == _NONE or text.lstrip().startswith("{"):
        return _read_json("--points", text)
    errors = ErrorCollector()
    points = read_points(text, errors)
    errors.raise_if_any()
    return dict(points.by_name) or points.total


def _read_moment(option: str, text: str) -> str | None:
    """Return a moment with its offset from UTC; without one it is in local time."""
    if text == _NONE:
        return None
    example = "2026-12-07T18:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{option}: expected a moment such as {example}, got {text!r}") from None
    if len(text) <= len("2026-12-07"):
        raise ValueError(f"{option}: expected a day and a time, such as {example}, got {text!r}")
    return (moment if moment.tzinfo is not None else moment.astimezone()).isoformat()
