"""Warnings of a report: facts that do not affect the verdict."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caution:
    """One warning.

    code: a stable identifier. detail: a sentence. layer, units: the location, if there is one.
    """

    code: str
    detail: str
    layer: int | None = None
    units: tuple[int, ...] = ()
