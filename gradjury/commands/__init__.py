"""The commands that call a service: login, assignment, roster, submit, status, report and grades."""

from typer import Typer


def add_commands(app: Typer) -> None:
    """Add the commands to the command line."""
    from gradjury.commands import assignments, classes, logins, submissions  # slow to import

    for module in (logins, assignments, submissions, classes):
        module.add_commands(app)
