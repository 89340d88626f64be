"""Processes that find no PyTorch or other package, as where it was never installed."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

_ABSENT = """
import sys

class Absent:
    NAMES = frozenset({names!r})

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in Absent.NAMES:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent)
"""


def without_torch(folder: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment so changed that importing torch fails in a process and in its processes.

    folder: for the module that Python imports at its start.
    """
    return without_packages({"torch"}, folder, environment)


def without_packages(
    names: Iterable[str], folder: Path, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return an environment in which importing any of these packages fails, as `without_torch` does."""
    (folder / "sitecustomize.py").write_text(_ABSENT.format(names=sorted(names)))
    before = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), before)))}
