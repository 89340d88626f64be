"""The command line: the verifier's commands, and those of the service.

A command imports its modules when it runs: importing the numerics takes half a second, and the service needs
optional packages, so that a missing one can be named.
"""

from api.command_line import operation, reports, serving, tokens
from verifier.cli import main as cli

__all__ = ["cli", "main", "operation", "reports", "serving", "tokens"]


def main() -> None:
    """Run the command line. An unexpected error is printed in one line, with exit status 4."""
    cli.main()
