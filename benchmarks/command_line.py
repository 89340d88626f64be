"""What `gradjury check` takes, from start to exit: one small file, and a thousand.

    python -m benchmarks.command_line

Peers of the same run: `python -c "import torch"`, `python -c "import numpy"`. Of a thousand files the time
after imports is that of a thousand less that of two, each in as many processes; both run with -j 2.
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
from benchmarks.throughput import plain

FILES, ROUNDS = 1000, 5
WITHOUT_TORCH = ("--oracles", "backpropagation,finite_differences")


def seconds(*command: str) -> float:
    started = perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return perf_counter() - started


def main() -> None:
    gradjury = str(Path(sys.executable).with_name("gradjury"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = folder / "few", folder / "many"
        text = json.dumps(plain(document([4, 8, 3], 8)))
        for place, count in ((few, 2), (many, FILES)):
            place.mkdir()
            for index in range(count):
                (place / f"{index:04}.json").write_text(text)
        one = str(few / "0000.json")
        commands = {
            "import numpy": (sys.executable, "-c", "import numpy"),
            "import torch": (sys.executable, "-c", "import torch"),
            "check one file": (gradjury, "check", one),
            "check one file, no torch": (gradjury, "check", one, *WITHOUT_TORCH),
            "check two files, -j 2": (gradjury, "check", str(few), "-j", "2"),
            f"check {FILES} files, -j 2": (gradjury, "check", str(many), "-j", "2"),
        }
        taken: dict[str, list[float]] = {label: [] for label in commands}
        for _ in range(ROUNDS):
            for label, command in commands.items():
                taken[label].append(seconds(*command))
        middle = {label: median(own) for label, own in taken.items()}
        for label, own in middle.items():
            print(f"{label:28} {own:6.2f} s   ({min(taken[label]):.2f} to {max(taken[label]):.2f})")
        print(f"one file: {middle['check one file'] / middle['import torch']:.2f} x import torch")
        after = middle[f"check {FILES} files, -j 2"] - middle["check two files, -j 2"]
        print(f"{FILES} files after imports: {after:.2f} s on {len(os.sched_getaffinity(0))} cores")


if __name__ == "__main__":
    main()
