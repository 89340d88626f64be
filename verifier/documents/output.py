"""Open the file of `--output` before any submission is checked."""

import os
from pathlib import Path
from typing import IO, Any

from verifier.problem.errors import DocumentError, MalformedSubmission


def open_output(path: Path, mode: str = "w") -> IO[Any]:
    """Return a file opened for writing. Raises: MalformedSubmission with a remedy."""
    try:
        return path.open(mode, encoding=None if "b" in mode else "utf-8")
    except OSError as error:
        remedy = "name a file in a folder that you may write to"
        if not os.path.isdir(path.parent):  # noqa: PTH112 -- pathlib raises for names that are too long
            remedy = f"create the folder {str(path.parent)!r} first"
        elif os.path.isdir(path):  # noqa: PTH112
            remedy = "name a file in that folder"
        actual = f"{str(path)!r} ({error.strerror or type(error).__name__})"
        raise MalformedSubmission(
            [DocumentError("--output", "a file that can be written", actual, remedy)]
        ) from None
