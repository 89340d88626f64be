"""`gradjury config` and `gradjury doctor`: the settings in force, and what the service depends on."""

import os
from enum import StrEnum
from typing import Annotated

import typer

from api.command_line.opening import database_trouble, read_settings_or_refuse, refuse
from verifier.cli import main as cli
from verifier.report.verdict import ExitStatus


class _Format(StrEnum):
    TEXT = "text"
    JSON = "json"


@cli.app.command(name="config")
def print_settings(
    format_name: Annotated[_Format, typer.Option("--format")] = _Format.TEXT,
) -> None:
    """Print the settings of the service, and where each comes from. Passwords are hidden."""
    settings = read_settings_or_refuse()
    from api.settings import variable_of  # needs gradjury[service]
    from api.storage.database import masked_url
    from verifier.documents.json import to_json

    names = {name.upper() for name in os.environ}
    rows = []
    for field in type(settings).model_fields:
        value = getattr(settings, field)
        value = masked_url(value) if field == "database_url" else value
        source = "environment" if variable_of(field) in names else "default"
        rows.append({"name": variable_of(field), "value": value, "source": source})
    if format_name is _Format.JSON:
        typer.echo(to_json(rows))
        return
    widths = [max(len(_shown(row[column])) for row in rows) for column in ("name", "value")]
    for row in rows:
        name, value = _shown(row["name"]), _shown(row["value"])
        typer.echo(f"{name:{widths[0]}}  {value:{widths[1]}}  {row['source']}")


@cli.app.command()
def doctor(
    database_url: Annotated[
        str | None, typer.Option(help="Database of the service (default: GRADJURY_DATABASE_URL).")
    ] = None,
) -> None:
    """Check what the service depends on: database, tables, clock, disk, oracles.

    Exit status: 0 all is well, 1 something is not, 2 a setting cannot be used.
    """
    settings = read_settings_or_refuse(database_url)
    from api.services.doctor import State, examine  # needs gradjury[service]
    from api.storage.database import UnusableDatabaseError

    states = set()
    try:
        for finding in examine(settings, lambda error: database_trouble(settings.database_url, error)):
            typer.echo(f"{finding.state:8} {finding.name:9} {finding.detail}")
            states.add(finding.state)
    except UnusableDatabaseError as error:
        refuse(str(error))
    raise typer.Exit(int(ExitStatus.INCORRECT if State.FAILURE in states else ExitStatus.CORRECT))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "(empty)" if value == "" else str(value)
