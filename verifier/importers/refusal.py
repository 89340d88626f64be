"""Exceptions of the importers.

MalformedSubmission
└── ImportRefused        the source has a part that a submission cannot represent
ImportError
└── MissingLibrary       the source's library is not installed
"""

from importlib import import_module
from types import ModuleType

from verifier.documents.mistakes import MalformedSubmission, Mistake


class ImportRefused(MalformedSubmission):
    """The source cannot be imported; `mistakes` names all unsupported parts."""


class MissingLibrary(ImportError):  # noqa: N818 -- as ImportRefused
    """The library for a source is not installed."""


class Unsupported(ValueError):  # noqa: N818 -- as ImportRefused
    """One unsupported part, without its location; the chain adds the location."""

    def __init__(self, found: str, remedy: str = "") -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


def refused(where: str, expected: str, found: str, remedy: str = "") -> ImportRefused:
    """Return the exception for one unsupported part. where: its name in the source."""
    return ImportRefused([Mistake(where, expected, found, remedy)])


def library(name: str, install: str) -> ModuleType:
    """Import and return a source's library. Raises: MissingLibrary with the package to install."""
    try:
        return import_module(name)
    except (ImportError, OSError) as error:  # OSError: a shared library cannot be loaded
        raise MissingLibrary(
            f"expected the package {name.partition('.')[0]!r} for this source, got none ({error}); "
            f"install {install}"
        ) from None
