"""From a command line's arguments to files and their bytes: folders and globs as what they hold."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from verifier.documents.files import SUFFIXES
from verifier.documents.mistakes import MalformedSubmission, Mistake

STANDARD_INPUT = "-"
_WILD = frozenset("*?[")
# os.path, not pathlib, whose questions raise where a folder may not be searched or a name is too long


def sources_of(arguments: Iterable[str]) -> Iterator[str]:
    """Give a folder's submissions at any depth, and what a glob matches (`**`: at any depth), sorted.

    What holds no file is given as it stands, so that it is told and fails, like a file that is absent; so is
    a folder within that may not be read.
    """
    for argument in arguments:
        yield from _files_of(argument) or [argument]


def content_of(source: str) -> bytes:
    """Give a file's bytes, or those of standard input. Raises: MalformedSubmission where none can be read."""
    try:
        return sys.stdin.buffer.read() if source == STANDARD_INPUT else Path(source).read_bytes()
    except OSError as error:
        raise MalformedSubmission([unreadable(error)]) from None


def unreadable(error: OSError) -> Mistake:
    """Say why a file cannot be read."""
    if isinstance(error, IsADirectoryError):
        return Mistake("(file)", f"a file that ends in {', '.join(SUFFIXES)}", "a folder without one")
    return Mistake("(file)", "a file that can be read", error.strerror or type(error).__name__)


def _files_of(argument: str) -> list[str]:
    if argument == STANDARD_INPUT:
        return []
    if os.path.isdir(argument):  # noqa: PTH112
        return sorted(_within(argument))
    if _WILD & set(argument) and not os.path.exists(argument):  # noqa: PTH110
        names = glob.glob(argument, recursive=True)  # noqa: PTH207
        return sorted(name for name in names if os.path.isfile(name) and not _goes_round(Path(name)))  # noqa: PTH113
    return []


def _within(folder: str) -> Iterator[str]:
    closed: list[OSError] = []
    for place, _, names in os.walk(folder, onerror=closed.append):
        for name in names:
            path = Path(place, name)
            if path.suffix in SUFFIXES and (os.path.isfile(path) or not os.access(place, os.X_OK)):  # noqa: PTH113
                yield str(path)
    yield from (str(Path(error.filename)) for error in closed)


def _goes_round(path: Path) -> bool:
    """Whether a path leads through a link to a folder that the link itself stands in."""
    for folder in path.parents:
        if os.path.islink(folder):  # noqa: PTH114
            here = Path(os.path.realpath(folder.parent))
            target = Path(os.path.realpath(folder))
            if here.is_relative_to(target):
                return True
    return False
