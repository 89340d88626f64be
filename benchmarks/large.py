"""Measure time and memory of one check of a large network (2.1 million parameters).

    python -m benchmarks.large [1024-1024-1024-10] [32]

The time is compared with a forward and backward pass of PyTorch in float64. The memory is the increase of the
peak resident size during the check, in multiples of the submission's size.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

import resource
import sys
from statistics import median

from benchmarks.judging import document, milliseconds_of, torch_loss
from verifier import verify

ROUNDS = 9


def resident_memory() -> int:
    """Return the peak resident size so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    sizes = [int(n) for n in (sys.argv[1] if len(sys.argv) > 1 else "1024-1024-1024-10").split("-")]
    examples = int(sys.argv[2]) if len(sys.argv) > 2 else 32
    submission = document(sizes, examples)
    verify(document([4, 8, 3], 8))  # warm up imports and caches
    size = sum(array.nbytes for kind in ("parameters", "gradients") for array in submission[kind].values())
    size += submission["inputs"].nbytes + submission["targets"].nbytes
    before = resident_memory()
    report = verify(submission)
    increase = resident_memory() - before
    assert report.verdict == "correct"
    loss, leaves = torch_loss(submission)

    def forward_and_backward() -> None:
        for leaf in leaves:
            leaf.grad = None
        loss().backward()

    forward_and_backward()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(milliseconds_of(lambda: verify(submission)))
        theirs.append(milliseconds_of(forward_and_backward))
    a, b = median(ours), median(theirs)
    print(f"{'-'.join(map(str, sizes))}, N = {examples}: {size / 16 / 1e6:.2f} million parameters")
    print(f"    verify {a:.0f} ms, PyTorch forward and backward {b:.1f} ms: {a / b:.1f} x")
    print(
        f"    memory {increase / 2**20:.0f} MiB more, "
        f"{increase / size:.1f} x the submission's {size / 2**20:.0f}"
    )
    for evidence in report.evidence:
        reason = f"; {evidence.reason}" if evidence.reason else ""
        print(f"    {evidence.oracle}: {evidence.entries} entries{reason}")


if __name__ == "__main__":
    main()
