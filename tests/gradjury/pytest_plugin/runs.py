"""pytest as a student starts it: in this process, or in one of its own."""

import flint  # noqa: F401 -- extension modules load once in a process, and pytester forgets those it has seen
import numpy as np  # noqa: F401
import orjson  # noqa: F401
import pytest
import torch  # noqa: F401

OPTIONS = ("-p", "no:cacheprovider", "-p", "no:schemathesis")  # which students need not have


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in the tester's folder, by the modules that are here."""
    return pytester.runpytest_inprocess(*OPTIONS, *arguments)


def run_cold(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in a fresh interpreter."""
    return pytester.runpytest_subprocess(*OPTIONS, *arguments)
