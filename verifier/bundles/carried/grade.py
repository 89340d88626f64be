"""Grade one submission on a platform; whatever happens, a result is written.

This file is run by itself and imports nothing of GradJury: a child process judges, with a time limit. Where
the child dies, the result is one of those that were written with the bundle (`plain/`).
What students hand in is hostile: links are not followed, sizes are bounded, and none of it is printed.
"""

import argparse
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SUFFIXES = (".json", ".npz", ".safetensors")
MOST_FILES = 10_000  # that are looked at
MALFORMED, INTERNAL = 2, 4  # exit statuses, as of `gradjury check`
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Refused(Exception):  # noqa: N818 -- no error of ours
    """A submission that is not judged; its reason names the plain result: none, several, large."""


def main(arguments: Sequence[str]) -> int:
    """Write the results of the one submission in a folder; give the exit status."""
    options = _options(arguments)
    settings = json.loads((options.question / "settings.json").read_text(encoding="utf-8"))
    submission = options.submission or Path(settings["submission"])
    results = options.results or Path(settings["results"])
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        log, plain, status = Path(work, "log"), "", INTERNAL
        try:
            name, content = handed_in(submission, settings)
            status = judged(options.question, settings, name, content, Path(work))
        except Refused as error:
            plain, status = str(error), MALFORMED
        except Exception as error:
            plain = "failed"
            with log.open("a", encoding="utf-8", errors="replace") as stream:
                stream.write(f"{type(error).__name__}: {error}\n")
        source = options.question / "plain" / plain if plain else Path(work)
        for output in settings["outputs"]:
            put(results / output["file"], (source / output["file"]).read_bytes())
        if plain == "failed" and (settings["tells"] or options.debug):
            sys.stdout.write(log.read_text(encoding="utf-8", errors="replace")[-20_000:])
    return status if settings["gate"] else 0


def handed_in(folder: Path, settings: Mapping[str, Any]) -> tuple[str, bytes]:
    """Give the name and the content of the only file that can be a submission. Raises: Refused."""
    found = []
    for path in _candidates(folder, settings["deep"], settings["names"]):
        found.append(path)
        if len(found) > 1:
            raise Refused("several")
    if not found:
        raise Refused("none")
    name = str(found[0] if not folder.is_absolute() else found[0].relative_to(folder))
    # neither a link that was put there since, nor a pipe that nobody writes to
    descriptor = os.open(found[0], os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as stream:  # noqa: PTH123 -- no path: it may be another file by now
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused("none")
        content = stream.read(settings["largest"] + 1)
    if len(content) > settings["largest"]:
        raise Refused("large")
    return name, content


def judged(question: Path, settings: Mapping[str, Any], name: str, content: bytes, work: Path) -> int:
    """Let a child process judge; give the status that it found. Raises: RuntimeError where it found none."""
    command = [sys.executable, "-I", "-B", str(HERE / "judge.py"), str(question.resolve()), str(work), name]
    environment = os.environ | ONE_THREAD | {"GRADJURY_DEBUG": "1"}  # what is unforeseen raises
    with (work / "log").open("wb") as log:
        ended = subprocess.run(
            command, input=content, stdout=log, stderr=log, cwd=work, env=environment, check=False,
            timeout=settings["seconds"],
        )  # fmt: skip
    if ended.returncode != 0:
        raise RuntimeError(f"the process that judged ended with {ended.returncode}")
    for output in settings["outputs"]:
        text = (work / output["file"]).read_text(encoding="utf-8")
        if output["file"].endswith(".json"):
            json.loads(text)
    return int((work / "status").read_text(encoding="utf-8"))


def put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; what stands there, a link too, is replaced."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_bytes(content)
    os.replace(new, path)  # noqa: PTH105


def _candidates(folder: Path, deep: bool, names: Sequence[str]) -> Iterator[Path]:
    seen = 0
    for place, folders, files in os.walk(folder):  # enters no links
        # what macOS puts into archives is no submission
        folders[:] = sorted(each for each in folders if deep and not each.startswith((".", "__")))
        seen += len(folders) + len(files)
        if seen > MOST_FILES:
            raise Refused("several")
        for path in (Path(place, each) for each in sorted(files) if not each.startswith(".")):
            known = path.suffix.lower() in SUFFIXES and (not names or path.stem in names)
            if known and not path.is_symlink() and path.is_file():
                yield path


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Grade the one submission in a folder.")
    parser.add_argument("--question", type=Path, default=HERE.parent / "question", help="what was asked")
    parser.add_argument("--submission", type=Path, help="folder; the platform's by default")
    parser.add_argument("--results", type=Path, help="folder; the platform's by default")
    parser.add_argument("--debug", action="store_true", help="print why something could not be graded")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Exception as error:  # no traceback, where students may read what is printed
        sys.stderr.write(f"the submission could not be graded: {type(error).__name__}\n")
        sys.exit(INTERNAL)
