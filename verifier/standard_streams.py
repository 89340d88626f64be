"""Handle standard streams that the caller closed before or during a command."""

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

_BROKEN_PIPE_STATUS = 128 + 13  # the status of a process that SIGPIPE ended, as in a shell


def open_closed_streams() -> None:
    """Replace closed standard streams, which Python represents as None, by the null device."""
    sys.stdin, sys.stdout, sys.stderr = (
        stream or open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115 -- open until the process ends
        for stream, mode in ((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w"))
    )


class Commands(TyperGroup):
    """Command group that exits quietly if the reader of the output, such as `head`, has closed the pipe.

    Typer would exit with 1, which means an incorrect submission here.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # a later failure could not be reported
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
            raise typer.Exit(_BROKEN_PIPE_STATUS) from None
