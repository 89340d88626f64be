"""pytest as a student starts it, in a process of its own: forked from a warm one, or cold."""

import pytest

from tests.prefork.programs import programs

OPTIONS = ("-p", "no:cacheprovider", "-p", "no:schemathesis")  # which students need not have


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in the tester's folder."""
    inner = f"--basetemp={pytester.path.parent / 'inner'}"
    return pytester.run(programs() / "python3", "-m", "pytest", *OPTIONS, inner, *arguments)


def run_cold(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in a fresh interpreter."""
    return pytester.runpytest_subprocess(*OPTIONS, *arguments)
