"""Find the files that command-line arguments name, and read them. Folders and globs are expanded."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from verifier.documents.files import SUFFIXES
from verifier.documents.mistakes import MalformedSubmission, Mistake

STANDARD_INPUT = "-"
_WILDCARDS = frozenset("*?[")
# This module uses os.path, because pathlib raises for unsearchable folders and overlong names.


def sources_of(arguments: Iterable[str]) -> Iterator[str]:
    """Yield the files that the arguments name, sorted per argument.

    A folder stands for its submissions at any depth, a glob for the files that it matches (`**` matches at
    any depth). An argument without files is yielded unchanged, so that reading it fails with an error. The
    same holds for an unreadable subfolder.
    """
    for argument in arguments:
        yield from _files_of(argument) or [argument]


def content_of(source: str) -> bytes:
    """Return the bytes of a file or of standard input. Raises: MalformedSubmission if it is unreadable."""
    try:
        return sys.stdin.buffer.read() if source == STANDARD_INPUT else Path(source).read_bytes()
    except OSError as error:
        raise MalformedSubmission([unreadable(error)]) from None


def unreadable(error: OSError) -> Mistake:
    """Return the mistake that describes an unreadable file."""
    if isinstance(error, IsADirectoryError):
        return Mistake("(file)", f"a file that ends in {', '.join(SUFFIXES)}", "a folder without one")
    return Mistake("(file)", "a file that can be read", error.strerror or type(error).__name__)


def _files_of(argument: str) -> list[str]:
    if argument == STANDARD_INPUT:
        return []
    if os.path.isdir(argument):  # noqa: PTH112
        return sorted(_submissions_in(argument))
    if _WILDCARDS & set(argument) and not os.path.exists(argument):  # noqa: PTH110
        names = glob.glob(argument, recursive=True)  # noqa: PTH207
        return sorted(name for name in names if os.path.isfile(name) and not _is_cyclic(Path(name)))  # noqa: PTH113
    return []


def _submissions_in(folder: str) -> Iterator[str]:
    errors: list[OSError] = []
    for directory, _, names in os.walk(folder, onerror=errors.append):
        for name in names:
            path = Path(directory, name)
            if path.suffix in SUFFIXES and (os.path.isfile(path) or not os.access(directory, os.X_OK)):  # noqa: PTH113
                yield str(path)
    yield from (str(Path(error.filename)) for error in errors)


def _is_cyclic(path: Path) -> bool:
    """True if a folder of the path is a link to one of its own ancestors."""
    for folder in path.parents:
        if os.path.islink(folder):  # noqa: PTH114
            location = Path(os.path.realpath(folder.parent))
            target = Path(os.path.realpath(folder))
            if location.is_relative_to(target):
                return True
    return False
