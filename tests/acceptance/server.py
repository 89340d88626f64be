"""A running service, started and stopped as a user would."""

import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.prefork.programs import COLD


@contextmanager
def running_service(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The address of a service on a free port; it must stop cleanly on an interrupt.

    The program is the one that is installed: its judges must not be forks of forks.
    """
    service = subprocess.Popen(
        [COLD, "serve", "--port", "0"],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONUNBUFFERED": "1", "GRADJURY_DATABASE_WAIT": "300"},
    )
    assert service.stderr is not None
    lines = []
    for line in service.stderr:
        lines.append(line)
        if match := re.search(r"http://127\.0\.0\.1:\d+", line):
            break
    else:
        raise AssertionError("the service did not start:\n" + "".join(lines))
    yield match.group()
    service.send_signal(signal.SIGINT)
    _, rest = service.communicate(timeout=300)
    assert service.returncode == 0, rest
    assert "Traceback" not in rest
