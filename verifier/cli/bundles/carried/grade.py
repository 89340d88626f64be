"""Grade one submission on a platform. A result is written in every case.

This script does not import GradJury. A child process judges the submission, with a time limit. If the child
fails, the result is one of the prepared results of the bundle (`plain/`).
Submissions are untrusted: links are not followed, sizes are bounded, and no content is printed.
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
MOST_FILES = 10_000  # bound on the files that are examined
MALFORMED, INTERNAL = 2, 4  # exit statuses of `gradjury check`
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class RefusedSubmission(Exception):  # noqa: N818 -- an error of the submission, not of this script
    """Raised if there is no single submission to judge.

    The message is the name of the prepared result: none, several or large.
    """


def main(arguments: Sequence[str]) -> int:
    """Write the results of the only submission in a folder and return the exit status."""
    options = _options(arguments)
    settings = json.loads((options.question / "settings.json").read_text(encoding="utf-8"))
    submission = options.submission or Path(settings["submission"])
    results = options.results or Path(settings["results"])
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        log, plain, status = Path(work, "log"), "", INTERNAL
        try:
            name, content = find_submission(submission, settings)
            status = judged(options.question, settings, name, content, Path(work))
        except RefusedSubmission as error:
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


def find_submission(folder: Path, settings: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return the name and the content of the only possible submission. Raises: RefusedSubmission."""
    paths = []
    for path in _candidates(folder, settings["deep"], settings["names"]):
        paths.append(path)
        if len(paths) > 1:
            raise RefusedSubmission("several")
    if not paths:
        raise RefusedSubmission("none")
    name = str(paths[0] if not folder.is_absolute() else paths[0].relative_to(folder))
    # do not follow a link that was created meanwhile, and do not block on a pipe
    descriptor = os.open(paths[0], os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as stream:  # noqa: PTH123 -- the path may be another file by now
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RefusedSubmission("none")
        content = stream.read(settings["largest"] + 1)
    if len(content) > settings["largest"]:
        raise RefusedSubmission("large")
    return name, content


def judged(question: Path, settings: Mapping[str, Any], name: str, content: bytes, work: Path) -> int:
    """Judge in a child process and return its exit status. Raises: RuntimeError if the child fails."""
    command = [sys.executable, "-I", "-B", str(HERE / "judge.py"), str(question.resolve()), str(work), name]
    environment = os.environ | ONE_THREAD | {"GRADJURY_DEBUG": "1"}  # raise unexpected errors
    with (work / "log").open("wb") as log:
        completed = subprocess.run(
            command, input=content, stdout=log, stderr=log, cwd=work, env=environment, check=False,
            timeout=settings["seconds"],
        )  # fmt: skip
    if completed.returncode != 0:
        raise RuntimeError(f"the process that judged ended with {completed.returncode}")
    for output in settings["outputs"]:
        text = (work / output["file"]).read_text(encoding="utf-8")
        if output["file"].endswith(".json"):
            json.loads(text)
    return int((work / "status").read_text(encoding="utf-8"))


def put(path: Path, content: bytes) -> None:
    """Write a file atomically. An existing file or link is replaced."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_bytes(content)
    os.replace(new, path)  # noqa: PTH105


def _candidates(folder: Path, deep: bool, names: Sequence[str]) -> Iterator[Path]:
    examined = 0
    for directory, folders, files in os.walk(folder):  # does not enter links
        # ignore hidden folders and those that macOS adds to archives
        folders[:] = sorted(name for name in folders if deep and not name.startswith((".", "__")))
        examined += len(folders) + len(files)
        if examined > MOST_FILES:
            raise RefusedSubmission("several")
        for path in (Path(directory, name) for name in sorted(files) if not name.startswith(".")):
            has_valid_name = path.suffix.lower() in SUFFIXES and (not names or path.stem in names)
            if has_valid_name and not path.is_symlink() and path.is_file():
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
    except Exception as error:  # no traceback, because students may read the output
        sys.stderr.write(f"the submission could not be graded: {type(error).__name__}\n")
        sys.exit(INTERNAL)
