"""What is not wrong but worth knowing; a report's `warnings`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caution:
    """code: a stable word for programs. detail: a sentence. layer, units: where, if anywhere."""

    code: str
    detail: str
    layer: int | None = None
    units: tuple[int, ...] = ()
