"""The command `gradjury`, whatever the current folder or PYTHONPATH hold."""

import sys
from importlib import import_module

from gradjury.packages import ShadowedPackage, import_package, put_first


def main() -> None:
    """Run the command line. An unexpected error is printed in one line, with exit status 4."""
    for package in ("reference_impl", "verifier", "api"):  # for the processes that check and serve start
        put_first(package)
    try:
        command_line = import_package("api.command_line")
    except ShadowedPackage as error:
        sys.stderr.write(f"gradjury: {error}\n")
        sys.exit(4)
    import_module("gradjury.commands").add_commands(command_line.cli.app)
    command_line.main()
