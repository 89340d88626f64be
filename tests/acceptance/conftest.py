"""A running service, in a folder that has an api/ and a tests/ of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.server import running_service


@pytest.fixture(scope="session")
def foreign_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose own packages are named like ours and must not be imported."""
    folder = tmp_path_factory.mktemp("foreign")
    for name in ("api", "tests", "verifier_data", "docs"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise RuntimeError('a stranger was imported')\n")
    (folder / "reference_impl").mkdir()  # without __init__.py: a namespace package, were it on the path first
    return folder


@pytest.fixture(scope="session")
def url(foreign_folder: Path) -> Iterator[str]:
    with running_service(foreign_folder, os.environ) as address:
        yield address
