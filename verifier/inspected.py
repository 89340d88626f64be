"""The outcome of inspecting one problem."""

from dataclasses import dataclass

from verifier.diagnosis.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Inspected:
    """An inspection, or the reasons why there is none.

    complaints: the reasons, one sentence each.
    """

    path: str
    inspection: Inspection | None
    complaints: tuple[str, ...] = ()
