"""How many processes are worth starting for some files."""

import os
from collections.abc import Sequence
from pathlib import Path

# A process takes two seconds to start, in which so much JSON is judged; a file counts as this much more.
_BYTES_A_PROCESS = 1_500_000
_BYTES_A_FILE = 12_000


def cores() -> int:
    """Give how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def processes_for(sources: Sequence[str], asked: int | None) -> int:
    """Give how many processes judge these files: 1 means this one, which is what few and small ones need."""
    if asked is not None:
        return max(1, min(asked, len(sources)))
    work = sum(_BYTES_A_FILE + _size(source) for source in sources)
    return max(1, min(cores(), len(sources), work // _BYTES_A_PROCESS))


def _size(source: str) -> int:
    try:
        return Path(source).stat().st_size
    except OSError:  # absent, or gone since it was listed: told when it is judged
        return 0
