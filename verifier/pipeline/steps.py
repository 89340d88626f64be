"""Return the versions of the packages that determine a report."""

import platform
from collections.abc import Iterable
from functools import cache
from importlib import metadata


def versions_of(needs: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python, this package, numpy, and further packages, by name."""
    packages = ("gradjury", "numpy", *needs)
    return {"python": platform.python_version()} | {name: _version(name) for name in packages}


@cache
def _version(package: str) -> str:
    return metadata.version(package)
