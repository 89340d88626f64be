"""Judges that kill their process; a worker imports this module, so it imports little."""

import os
import signal
from pathlib import Path

from verifier.report.outcome import FileOutcome


def die_if_deadly(source: str, _: object) -> FileOutcome:
    if "deadly" in source:
        os.kill(os.getpid(), signal.SIGKILL)
    return FileOutcome(source, None)


def die_once(source: str, _: object) -> FileOutcome:
    """Die of a passing cause: the first process leaves a mark behind."""
    mark = Path(source)
    if "passing" in mark.name and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return FileOutcome(source, None)
