"""How commands say that they cannot do what they were asked."""

from typing import NoReturn

import typer

from verifier.exit_status import ExitStatus


def refuse(message: str) -> NoReturn:
    """Say on standard error why a command cannot do what it was asked, and exit 2."""
    typer.echo(message, err=True)
    raise typer.Exit(int(ExitStatus.MALFORMED))


def refuse_missing(error: ModuleNotFoundError) -> NoReturn:
    """Say which package the service lacks, and exit 2."""
    refuse(
        f"the service needs packages that are not installed ({error.name}): pip install 'gradjury[service]'"
    )
