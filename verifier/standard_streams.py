"""Standard streams that the caller closed, before a command runs or while it does."""

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

_NOBODY_READS = 128 + 13  # as a shell counts a process that SIGPIPE ended


def open_closed_streams() -> None:
    """Put nothing in the place of a stream that is closed, which Python gives as None."""
    sys.stdin, sys.stdout, sys.stderr = (
        stream or open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115 -- until the process ends
        for stream, mode in ((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w"))
    )


class Commands(TyperGroup):
    """Commands that end quietly where whoever read the output has left, such as `head`.

    Typer ends with 1 then, which would be a verdict.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # here, where a failure can be told
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at Python's end
            raise typer.Exit(_NOBODY_READS) from None
