"""Processes that find no PyTorch, as where it was never installed; where none is needed they start sooner."""

import os
from collections.abc import Mapping
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


def without_torch(folder: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment so changed that importing torch fails in a process and in its processes.

    folder: for the module that Python imports at its start.
    """
    (folder / "sitecustomize.py").write_text(_ABSENT)
    before = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), before)))}
