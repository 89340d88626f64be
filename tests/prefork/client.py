"""Stand-in for `python`, `gradjury` or `pytest`: it asks a process that has the imports to fork.

It runs without site-packages, and gives way to the real program where a warm process would not do.
"""

import json
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress

MOST = 200  # descriptors; one message holds no more than 253
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HONOURED = {"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


def start_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what an interpreter takes from its surroundings at its start, and no fork could take later."""
    names = [
        name
        for name in environment
        if name.startswith(("PYTHON", "LC_", "LANG")) and name not in _HONOURED and environment[name]
    ]
    return {name: environment[name] for name in names} | {"uid": str(os.geteuid())}


def inherited_descriptors() -> list[int]:
    """Return what a program started here would inherit: the streams that are open, and pipes of a shell."""
    descriptors = []
    for descriptor in range(MOST):
        with suppress(OSError):
            if os.get_inheritable(descriptor):
                descriptors.append(descriptor)
    return descriptors


def _understood(arguments: list[str]) -> bool:
    return bool(arguments) and (arguments[0] in ("-m", "-c", "-") or not arguments[0].startswith("-"))


def run(address: str, start: dict[str, str], python: str, arguments: list[str]) -> None:
    """Run `python ARGUMENTS` in a fork of the server's and end as it ends."""
    descriptors = inherited_descriptors()  # first: what is opened later may take a closed one's number
    environment = dict(os.environ)
    if start_of(environment) != start or not _understood(arguments):
        os.execv(python, [python, *arguments])
    ignored = [number for number in FORWARDED if signal.getsignal(number) is signal.SIG_IGN]
    request = {
        "arguments": arguments,
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes long to import
        "environment": environment,
        "descriptors": descriptors,
        "ignored": ignored,
    }
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [b"\n"], descriptors)
        server.sendall(json.dumps(request).encode() + b"\n")
        for number in FORWARDED:
            if number not in ignored:
                signal.signal(number, lambda number, _: server.sendall(bytes([number])))
        answer = server.makefile().readline()
    status = int(answer) if answer else 1
    if status < 0:
        with suppress(OSError):  # of SIGKILL nobody decides
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)
