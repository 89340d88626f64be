"""A large network, 1024-1024-1024-10, N = 32 (2.1 million parameters): time and memory of one check.

    python -m benchmarks.large [1024-1024-1024-10] [32]

Time as a ratio to one forward and backward pass of PyTorch in float64 in the same run; memory as the largest
resident size during the check over that before it, in multiples of the submission's bytes.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

import resource
import sys
from statistics import median

from benchmarks.judging import document, timed, torch_loss
from verifier import verify

ROUNDS = 9


def resident() -> int:
    """The largest resident size so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    sizes = [int(n) for n in (sys.argv[1] if len(sys.argv) > 1 else "1024-1024-1024-10").split("-")]
    examples = int(sys.argv[2]) if len(sys.argv) > 2 else 32
    submission = document(sizes, examples)
    verify(document([4, 8, 3], 8))  # whatever is imported and kept, is by now
    held = sum(array.nbytes for kind in ("parameters", "gradients") for array in submission[kind].values())
    held += submission["inputs"].nbytes + submission["targets"].nbytes
    before = resident()
    report = verify(submission)
    grown = resident() - before
    assert report.verdict == "correct"
    loss, leaves = torch_loss(submission)

    def forward_and_backward() -> None:
        for leaf in leaves:
            leaf.grad = None
        loss().backward()

    forward_and_backward()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(timed(lambda: verify(submission)))
        theirs.append(timed(forward_and_backward))
    a, b = median(ours), median(theirs)
    print(f"{'-'.join(map(str, sizes))}, N = {examples}: {held / 16 / 1e6:.2f} million parameters")
    print(f"    verify {a:.0f} ms, PyTorch forward and backward {b:.1f} ms: {a / b:.1f} x")
    print(
        f"    memory {grown / 2**20:.0f} MiB more, {grown / held:.1f} x the submission's {held / 2**20:.0f}"
    )
    for item in report.evidence:
        print(f"    {item.oracle}: {item.entries} entries{'; ' + item.reason if item.reason else ''}")


if __name__ == "__main__":
    main()
