"""The versions of what a report rests on."""

import platform
from collections.abc import Iterable
from functools import cache
from importlib import metadata


def versions_of(needs: Iterable[str]) -> dict[str, str]:
    """Give Python's version, this package's, numpy's, and those of further packages."""
    packages = ("gradjury", "numpy", *needs)
    return {"python": platform.python_version()} | {name: _version(name) for name in packages}


@cache
def _version(package: str) -> str:
    return metadata.version(package)
