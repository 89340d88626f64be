"""Processes that find no PyTorch, as where it was never installed; where none is needed they start sooner."""

import os
from pathlib import Path

_ABSENT = """
import sys

class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent)
"""


def without_torch(folder: Path) -> dict[str, str]:
    """Return the environment of a process, and of its processes, in which importing torch fails.

    folder: for the module that Python imports at its start.
    """
    (folder / "sitecustomize.py").write_text(_ABSENT)
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), before)))}
