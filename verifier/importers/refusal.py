"""What an importer answers when it cannot import.

MalformedSubmission
└── ImportRefused        the source holds something that a submission cannot
ImportError
└── MissingLibrary       the source's library is not installed
"""

from importlib import import_module
from types import ModuleType

from verifier.documents.mistakes import MalformedSubmission, Mistake


class ImportRefused(MalformedSubmission):
    """A source that is no multilayer perceptron; `mistakes` names every part that stands in the way."""


class MissingLibrary(ImportError):  # noqa: N818 -- as ImportRefused
    """The library that a source is read by is absent."""


class Unsupported(ValueError):  # noqa: N818 -- as ImportRefused
    """One part that no submission has, while a network is walked; the chain then names its place."""

    def __init__(self, found: str, remedy: str = "") -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


def refused(where: str, expected: str, found: str, remedy: str = "") -> ImportRefused:
    """Give the refusal of one part, named as the source names it."""
    return ImportRefused([Mistake(where, expected, found, remedy)])


def library(name: str, install: str) -> ModuleType:
    """Import a source's library. Raises: MissingLibrary saying what to install."""
    try:
        return import_module(name)
    except (ImportError, OSError) as error:  # OSError: the library's own libraries do not load
        raise MissingLibrary(
            f"expected the package {name.partition('.')[0]!r} for this source, got none ({error}); "
            f"install {install}"
        ) from None
