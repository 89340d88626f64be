"""A process that has imported what is slow to import, and forks for every command that is run.

Each command is a process of its own, with the caller's folder, environment, arguments and descriptors, and
ends as any Python does. What it cannot show is what a fresh interpreter would import, and from where.
"""

import atexit
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from tests.prefork.client import MOST

Request = dict[str, Any]
MODULES = (
    "torch",
    "pytest",
    "gradjury.command",
    "api.command_line",
    "api.services.tokens",
    "api.service",
    "api.storage.database",
)
OF_PLUGINS = {"gradjury", "reference_impl", "verifier", "api", "hypothesis", "_hypothesis_globals", "anyio"}
OF_MATPLOTLIB = {"verifier.exporters.page.picture"}


def main(address: str, owner: int) -> None:
    """Import everything and serve until another process ends; a fork runs its command and ends."""
    _import_everything()
    gc.collect()
    gc.freeze()  # a fork's collections leave the pages shared
    request = _serve(address, owner)
    if request is not None:
        _become(request)
        _end(_status_of(request["arguments"]))
    shutil.rmtree(Path(address).parent)


def _import_everything() -> None:
    verifier = importlib.import_module("verifier")
    modules = {module.name for module in pkgutil.walk_packages(verifier.__path__, "verifier.")}
    for name in (*MODULES, *sorted(modules - OF_MATPLOTLIB)):
        with suppress(ModuleNotFoundError):  # in the tests without torch
            importlib.import_module(name)
    for name in sys.modules.keys() & OF_PLUGINS:  # pytest warns where it cannot rewrite them any more
        sys.modules[name].__doc__ = f"{sys.modules[name].__doc__} PYTEST_DONT_REWRITE"


def _serve(address: str, owner: int) -> Request | None:
    """Fork for each request and tell how that ended; return None at the end, and in a fork its request."""
    waiting = selectors.DefaultSelector()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    os.write(1, b"ready\n")
    running: dict[socket.socket, int] = {}
    waiting.register(listener, selectors.EVENT_READ)
    end = os.pidfd_open(owner)
    waiting.register(end, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj == end:
                for process in running.values():
                    _kill(process)
                return None
            if key.fileobj is listener:
                connection, _ = listener.accept()
                _, sent, _, _ = socket.recv_fds(connection, 1, MOST)
                request = json.loads(connection.makefile().readline())
                process = os.fork()
                if process == 0:
                    waiting.close()
                    os.close(end)
                    for each in (listener, connection, *running):
                        each.close()
                    return request | {"sent": sent}
                os.setpgid(process, process)  # as the fork does itself: whoever is first
                for descriptor in sent:
                    os.close(descriptor)
                running[connection] = process
                waiting.register(connection, selectors.EVENT_READ, process)
                waiting.register(os.pidfd_open(process), selectors.EVENT_READ, connection)
            elif isinstance(key.fileobj, socket.socket):
                if key.fileobj not in running:  # it has just ended
                    continue
                received = key.fileobj.recv(1)
                if received:
                    os.kill(key.data, received[0])
                else:  # the stand-in was killed
                    _kill(key.data)
                    waiting.unregister(key.fileobj)
            else:
                waiting.unregister(key.fileobj)
                os.close(key.fd)
                process = running.pop(key.data)
                status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
                with suppress(OSError, KeyError):
                    waiting.unregister(key.data)
                    key.data.sendall(b"%d\n" % status)
                key.data.close()


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


def _become(request: Request) -> None:
    """Be the process that was asked for: `python ARGUMENTS`."""
    os.setpgid(0, 0)
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    _take_descriptors(request["descriptors"], request["sent"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    path = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    sys.path[1:1] = [each for each in path if each not in sys.path]


def _status_of(arguments: Sequence[str]) -> int:
    """Run what was asked for, and return its exit status."""
    try:
        _run(*arguments)
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            return ending.code or 0
        sys.stderr.write(f"{ending.code}\n")
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end(status: int) -> NoReturn:
    """End as an interpreter does, but for taking its modules apart, which takes a third of a second."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError as error:
            os.write(2, f"Exception ignored in: {stream}\n{type(error).__name__}: {error}\n".encode())
            status = 120
    os._exit(status & 0xFF)


def _run(first: str, *rest: str) -> None:
    """Run a module, a text, standard input or a script, as the interpreter does."""
    if first == "-m":
        sys.argv, sys.path[0] = list(rest), str(Path.cwd())
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first in ("-c", "-"):
        text = rest[0] if first == "-c" else sys.stdin.read()
        sys.argv, sys.path[0] = [first, *rest[first == "-c" :]], ""
        sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(text, "<string>" if first == "-c" else "<stdin>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.argv, sys.path[0] = [first, *rest], str(Path(first).parent)
        runpy.run_path(first, run_name="__main__")


def _take_descriptors(numbers: Sequence[int], sent: Sequence[int]) -> None:
    """Restore the caller's descriptor numbers and open the three streams anew; a closed one is none."""
    spare = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, MOST) for each in sent]
    for each in (0, 1, 2, *sent):
        with suppress(OSError):
            os.close(each)
    for number, each in zip(numbers, spare, strict=True):
        os.dup2(each, number)
        os.close(each)
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        stream = _text(descriptor, mode, getattr(sys, name)) if descriptor in numbers else None
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _text(descriptor: int, mode: str, like: io.TextIOWrapper) -> io.TextIOWrapper:
    unbuffered = mode == "w" and bool(os.environ.get("PYTHONUNBUFFERED"))
    raw = open(descriptor, f"{mode}b", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(
        raw,
        encoding=like.encoding,
        errors=like.errors,
        line_buffering=descriptor == 2 or os.isatty(descriptor),
        write_through=unbuffered,
    )
