"""A problem as its inspection went."""

from dataclasses import dataclass

from verifier.diagnosis.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Inspected:
    """complaints: why there is no inspection, a sentence each."""

    path: str
    inspection: Inspection | None
    complaints: tuple[str, ...] = ()
