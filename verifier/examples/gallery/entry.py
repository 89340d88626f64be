"""Data classes of a gallery entry, which describes a mistake in published code."""

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from inspect import getsource
from typing import Any

from reference_impl.network import Parameters
from reference_impl.problem import Problem


@dataclass(frozen=True, slots=True)
class Citation:
    """Source that describes the mistake. year: year of the description."""

    title: str
    url: str
    year: int


@dataclass(frozen=True, slots=True)
class ClaimedBug:
    """Mistake according to the citation, as a bug of the catalogue.

    layer: index of the layer; None for the whole network.
    same_as: bug of the whole network with the same gradients. A report names this bug, and lists the claimed
        one in `also_consistent`.
    """

    bug: str
    layer: int | None = None
    same_as: str | None = None


@dataclass(frozen=True, slots=True)
class LibraryRun:
    """Mistake in an installed library.

    release: name and version of the library.
    compute: function that runs the library and returns the submission. It raises MissingLibrary if the
        library is not installed.
    """

    release: str
    compute: Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Mistake that is reproduced from its description.

    question: function that returns the document without gradients.
    backward: function of the problem that returns the wrong gradients.
    """

    question: Callable[[], dict[str, Any]]
    backward: Callable[[Problem], Parameters]


@dataclass(frozen=True, slots=True)
class GalleryEntry:
    """Gallery entry: a mistake, its source, and a way to reproduce it."""

    name: str
    title: str
    story: str
    citation: Citation
    claims: tuple[ClaimedBug, ...]
    made: Reproduction | LibraryRun

    @property
    def code(self) -> str:
        """The Python code that makes the mistake again, or that runs the library."""
        begin = self.made.compute if isinstance(self.made, LibraryRun) else self.made.question
        source = getsource(sys.modules[begin.__module__])
        functions = [row for row in ast.parse(source).body if isinstance(row, ast.FunctionDef)]
        parts = (
            ast.get_source_segment(source, row)
            for row in functions
            if isinstance(self.made, LibraryRun) or row.name != begin.__name__
        )
        return "\n\n\n".join(part for part in parts if part)
