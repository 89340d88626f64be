"""`gradjury`, `python3` and `pytest` that start at once: a folder to stand first in PATH.

They are forks of a process that has the imports, so what a fresh interpreter imports, and from where, is a
question for `COLD`, the program as it is installed.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import gettempdir, mkdtemp

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
    """Return the folder of the programs of this test run, whose processes have one server together.

    The first process that asks starts it, and it ends with the run: with the parent of xdist's processes.
    """
    run_id = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run_id is None:
        return start_programs(os.environ)
    folder = Path(gettempdir()) / f"gradjury-prefork-{run_id}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "gradjury").exists():
            _start(folder, os.environ, owner=os.getppid())
    return folder


def warm_gradjury() -> Path:
    """Return the `gradjury` of `programs`."""
    return programs() / "gradjury"


def start_programs(environment: Mapping[str, str]) -> Path:
    """Start a server in an environment, until this process ends; return the folder of its programs."""
    folder = Path(mkdtemp(prefix="gradjury-prefork-"))
    _start(folder, environment, owner=os.getpid())
    return folder


def _start(folder: Path, environment: Mapping[str, str], owner: int) -> None:
    """owner: the process at whose end the server ends and removes the folder."""
    address = str(folder / "socket")
    server = subprocess.Popen(
        [sys.executable, "-c", f"from tests.prefork.server import main; main({address!r}, {owner})"],
        cwd=ROOT,
        env={**environment, "OMP_NUM_THREADS": "1"},  # threads do not survive a fork
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stdout is not None
    with server.stdout:
        assert server.stdout.readline() == b"ready\n"
    server.returncode = 0  # nobody waits for it: it outlives this process
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
