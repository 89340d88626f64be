"""What a process has cost the processor so far."""

import os
from pathlib import Path

_USER, _SYSTEM = 11, 12  # fields of /proc/PID/stat after the name, which is in brackets


def processor_seconds(pid: int) -> float:
    """Give the seconds of all threads of a process, in its code and the system; none of its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")
