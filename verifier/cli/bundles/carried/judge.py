"""Child process of `grade.py`: judge the submission on standard input with the GradJury of the bundle.

`judge.py --ready` exits with 0 if all requirements are installed.
"""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent / "packages"))
    with contextlib.suppress(OSError):  # if memory runs out, kill this process and not its parent
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    from verifier.cli.bundles.grading import grade  # from the bundle's packages, see sys.path

    if arguments == ["--ready"]:
        import flint  # noqa: F401 -- otherwise imported only if oracles disagree

        return
    question, results, name = arguments
    grade(Path(question), Path(results), name, sys.stdin.buffer.read())


if __name__ == "__main__":
    main(sys.argv[1:])
