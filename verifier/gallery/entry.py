"""What the gallery knows of one mistake that somebody really made: the columns of the table `GALLERY`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reference_impl.network import Parameters
from reference_impl.problem import Problem


@dataclass(frozen=True, slots=True)
class Citation:
    """Where the mistake is described; `year` is that of the description."""

    title: str
    url: str
    year: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What the citation says is wrong, in the catalogue's words; `layer` is None for the whole network.

    same_as: another bug, of the whole network, that gives the same numbers. A report names that one, and this
        one in `also_consistent`.
    """

    bug: str
    layer: int | None = None
    same_as: str | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """A library whose own code is wrong: the release that was run, and how to run it again.

    compute: gives the whole submission. Raises: MissingLibrary where the library is not installed.
    """

    release: str
    compute: Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Replay:
    """A mistake made again from its description.

    question: gives the document without gradients. backward: gives what was computed in their place.
    """

    question: Callable[[], dict[str, Any]]
    backward: Callable[[Problem], Parameters]


@dataclass(frozen=True, slots=True)
class Entry:
    """One mistake: what happened, who says so, and how to hand it in again."""

    name: str
    title: str
    story: str
    citation: Citation
    claims: tuple[Claim, ...]
    made: Replay | Live
