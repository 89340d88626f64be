"""Read the processor time of a process."""

import os
from pathlib import Path

_USER, _SYSTEM = 11, 12  # fields of /proc/PID/stat after the name in brackets


def processor_seconds(pid: int) -> float:
    """Return the user and system time of all threads of a process, without its children, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")
