"""From a command line's arguments to files: files as they are, folders and globs as what they hold."""

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from verifier.documents.files import SUFFIXES

_WILD = frozenset("*?[")


def sources_of(arguments: Iterable[str]) -> Iterator[str]:
    """Give a folder's submissions at any depth, and what a glob matches (`**`: at any depth), sorted.

    What holds no file is given as it stands, so that it is told and fails, like a file that is absent.
    """
    for argument in arguments:
        yield from _files_of(argument) or [argument]


def _files_of(argument: str) -> list[str]:
    path = Path(argument)
    if argument == "-":
        return []
    if path.is_dir():
        return sorted(str(p) for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
    if _WILD & set(argument) and not path.exists():
        return sorted(name for name in glob.glob(argument, recursive=True) if Path(name).is_file())  # noqa: PTH207
    return []
