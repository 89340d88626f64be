"""Choose the number of worker processes for a list of files."""

import os
from collections.abc import Sequence
from pathlib import Path

# A process takes two seconds to start. In this time one process judges 1.5 MB of JSON; the constant cost of
# a file is that of 12 kB.
_BYTES_PER_PROCESS = 1_500_000
_BYTES_PER_FILE = 12_000


def cores() -> int:
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def processes_for(sources: Sequence[str], jobs: int | None) -> int:
    """Return the number of processes for these files; 1 means that no worker is started.

    jobs: number that the user chose, if any.
    """
    if jobs is not None:
        return max(1, min(jobs, len(sources)))
    work = sum(_BYTES_PER_FILE + _size(source) for source in sources)
    return max(1, min(cores(), len(sources), work // _BYTES_PER_PROCESS))


def _size(source: str) -> int:
    try:
        return Path(source).stat().st_size
    except OSError:  # the error is reported when the file is judged
        return 0
