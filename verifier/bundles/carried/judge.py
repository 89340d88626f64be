"""The child process of `grade.py`: judges what comes on standard input by the GradJury that lies beside it.

`judge.py --ready` says by its exit status whether everything that judging needs is installed.
"""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent / "packages"))
    with contextlib.suppress(OSError):  # where memory runs out, this process is to die, not the one above
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    from verifier.bundles.grading import grade

    if arguments == ["--ready"]:
        import flint  # noqa: F401 -- settles disputes, loaded when there is one

        return
    question, results, name = arguments
    grade(Path(question), Path(results), name, sys.stdin.buffer.read())


if __name__ == "__main__":
    main(sys.argv[1:])
