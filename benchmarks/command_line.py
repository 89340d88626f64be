"""Measure the run time of `gradjury check` for one small file and for a thousand files.

    python -m benchmarks.command_line

The peers are `python -c "import torch"` and `python -c "import numpy"` in the same run. For a thousand files,
the time after imports is estimated as the difference to the time for two files; both use two processes.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.judging import document
from benchmarks.throughput import as_lists

FILES, ROUNDS = 1000, 5
WITHOUT_TORCH = ("--oracles", "backpropagation,finite_differences")


def seconds(*command: str) -> float:
    """Return the run time of a command that must succeed."""
    started = perf_counter()
    completed = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    assert completed.returncode == 0, completed.stderr.decode()
    return perf_counter() - started


def main() -> None:
    gradjury = str(Path(sys.executable).with_name("gradjury"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = folder / "few", folder / "many"
        text = json.dumps(as_lists(document([4, 8, 3], 8)))
        for directory, count in ((few, 2), (many, FILES)):
            directory.mkdir()
            for index in range(count):
                (directory / f"{index:04}.json").write_text(text)
        one = str(few / "0000.json")
        commands = {
            "import numpy": (sys.executable, "-c", "import numpy"),
            "import torch": (sys.executable, "-c", "import torch"),
            "check one file": (gradjury, "check", one),
            "check one file, no torch": (gradjury, "check", one, *WITHOUT_TORCH),
            "check two files, -j 2": (gradjury, "check", str(few), "-j", "2"),
            f"check {FILES} files, -j 2": (gradjury, "check", str(many), "-j", "2"),
        }
        times_by_command: dict[str, list[float]] = {label: [] for label in commands}
        for _ in range(ROUNDS):
            for label, command in commands.items():
                times_by_command[label].append(seconds(*command))
        medians = {label: median(times) for label, times in times_by_command.items()}
        for label, time in medians.items():
            shortest, longest = min(times_by_command[label]), max(times_by_command[label])
            print(f"{label:28} {time:6.2f} s   ({shortest:.2f} to {longest:.2f})")
        print(f"one file: {medians['check one file'] / medians['import torch']:.2f} x import torch")
        after = medians[f"check {FILES} files, -j 2"] - medians["check two files, -j 2"]
        print(f"{FILES} files after imports: {after:.2f} s on {len(os.sched_getaffinity(0))} cores")


if __name__ == "__main__":
    main()
