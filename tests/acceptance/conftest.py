"""A running service, started as a user would, from a folder that has an api/ and a tests/ of its own."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.doors import GRADJURY


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
    """The address of a service on a free port; it must stop cleanly on an interrupt."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    service = subprocess.Popen(
        [GRADJURY, "serve", "--port", "0"],
        cwd=foreign_folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert service.stderr is not None
    lines = []
    for line in service.stderr:
        lines.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            break
    else:
        raise AssertionError("the service did not start:\n" + "".join(lines))
    yield found.group()
    service.send_signal(signal.SIGINT)
    _, rest = service.communicate(timeout=20)
    assert service.returncode == 0, rest
    assert "Traceback" not in rest
