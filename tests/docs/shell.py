"""A page's commands, run in order by one shell in a folder of their own, as a reader would paste them."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.docs.pages import ROOT, PageCommand
from tests.prefork.programs import BIN, programs, warm_gradjury

SERVICE = "http://127.0.0.1:8000"  # where pages say that it is
PATIENCE = 600  # seconds that a page may take


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """Output of a command, both streams together, and its exit status."""

    printed: str
    status: int


def new_folder(folder: Path) -> Path:
    """Make a folder look like a checkout where GradJury is installed: `.venv` and `examples`."""
    folder.mkdir()
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def environment(**further: str) -> dict[str, str]:
    """Return the environment of a reader: GradJury's programs on the path, none of its settings."""
    variables = {
        name: value for name, value in os.environ.items() if not re.match("GRADJURY_|PYTEST_|COV", name)
    }
    path = os.pathsep.join([str(programs()), str(BIN), variables["PATH"]])
    return variables | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)} | further


def gradjury(variables: Mapping[str, str], *arguments: str) -> str:
    """Run the command once, by itself; give what it prints."""
    command = [warm_gradjury(), *arguments]
    done = subprocess.run(command, env=dict(variables), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def run_in_order(
    commands: Sequence[PageCommand], folder: Path, variables: Mapping[str, str], places: Mapping[str, str]
) -> Iterator[tuple[PageCommand, CommandOutput]]:
    """Run them in one shell, so that variables last; `places` are addresses written for others."""
    mark = uuid4().hex
    script = f"told() {{ local status=$?; printf '\\n{mark} %s\\n' \"$status\"; return $status; }}\n"
    for command in commands:
        text = command.text
        for written, real in places.items():
            text = text.replace(written, real)
        script += f"{text}\ntold\n"
    file, output = folder.with_name("page.sh"), folder.with_name("printed.txt")
    file.write_text(script, encoding="utf-8")
    with output.open("w") as stream:
        shell = subprocess.Popen(
            ["bash", file],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(variables) | {"XDG_CONFIG_HOME": str(folder.with_name("config"))},  # of `gradjury login`
            start_new_session=True,
        )
        try:
            shell.wait(PATIENCE)
        finally:  # what the page started and did not stop
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    printed = output.read_text(encoding="utf-8")
    for written, real in places.items():
        printed = printed.replace(real, written)
    parts = re.split(rf"\n{mark} (\d+)\n", printed)
    assert len(parts) == 2 * len(commands) + 1, f"the shell ended early:\n{printed}"
    for index, command in enumerate(commands):
        yield command, CommandOutput(parts[2 * index], int(parts[2 * index + 1]))
