"""Forked commands are processes like any: their surroundings are the caller's, and so is what ends them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prefork.programs import programs

SHOW = (
    "import json, os, sys; print(json.dumps([dict(os.environ), os.getcwd(), sys.argv[1:], sys.stdin.read()]))"
)


def python(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([programs() / "python3", *arguments], capture_output=True, text=True, **options)  # type: ignore[call-overload]


def test_folder_variables_arguments_and_input_are_the_callers(tmp_path: Path) -> None:
    variables = {"PATH": os.environ["PATH"], "LANG": os.environ.get("LANG", ""), "ODD": "caf\udce9 \n"}
    expected = subprocess.run(
        [sys.executable, "-c", SHOW, "a b", ""],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        input="x",
    )
    actual = python("-c", SHOW, "a b", "", cwd=tmp_path, env=variables, input="x")
    assert (actual.returncode, actual.stderr) == (0, expected.stderr)
    assert json.loads(actual.stdout) == json.loads(expected.stdout)


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('no')", 1, "no\n"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("import torch, sys; sys.exit(not torch.ones(2).sum() == 2)", 0, ""),
    ],
)
def test_a_command_ends_with_its_own_status(text: str, status: int, message: str) -> None:
    result = python("-c", text)
    assert (result.returncode, result.stderr) == (status, message)


def test_it_is_warm_unless_what_an_interpreter_reads_first_differs() -> None:
    text = "import sys; print('torch' in sys.modules, sys.flags.optimize)"
    assert python("-c", text).stdout == "True 0\n"
    assert python("-c", text, env=os.environ | {"PYTHONOPTIMIZE": "1"}).stdout == "False 1\n"


def test_a_signal_reaches_the_command_and_its_killing_too() -> None:
    text = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    for number, status in ((signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)):
        with subprocess.Popen([programs() / "python3", "-c", text], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(number)
            assert process.wait(300) == status
            assert process.stdout.read() == b""  # its end is that of all who hold it
