"""`gradjury`, `python3` and `pytest` that start at once: a folder to stand first in PATH.

They are forks of a process that has the imports, so what a fresh interpreter imports, and from where, is a
question for `COLD`, the program as it is installed.
"""

import atexit
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.prefork.client import start_of

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COLD = BIN / "gradjury"
_BEFORE = {"gradjury": [str(COLD)], "pytest": [str(BIN / "pytest")], "python3": []}
_PROGRAM = """#!{python} -IS
import sys
sys.path.insert(0, {root!r})
from tests.prefork.client import run
run({address!r}, {start!r}, {python!r}, [*{before!r}, *sys.argv[1:]])
"""


@cache
def programs() -> Path:
    """Start the server of this test process at its first use; return the folder of its programs."""
    return start_programs(os.environ)


def warm_gradjury() -> Path:
    """Return the `gradjury` of `programs`."""
    return programs() / "gradjury"


def start_programs(environment: Mapping[str, str]) -> Path:
    """Start a server in an environment, until this process ends; return the folder of its programs."""
    folder = Path(mkdtemp(prefix="gradjury-prefork-"))
    address = str(folder / "socket")
    server = subprocess.Popen(
        [sys.executable, "-c", f"from tests.prefork.server import main; main({address!r})"],
        cwd=ROOT,
        env={**environment, "OMP_NUM_THREADS": "1"},  # threads do not survive a fork
        stdin=subprocess.PIPE,  # at its end the server ends, and takes the folder with it
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(_end, server)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    for name, before in _BEFORE.items():
        text = _PROGRAM.format(
            python=sys.executable,
            root=str(ROOT),
            address=address,
            start=start_of(environment),
            before=before,
        )
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def _end(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.close()
    server.stdout.close()
    server.wait()
