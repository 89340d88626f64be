"""Memory that was freed, kept for the next array: fresh pages cost more than the arithmetic on them."""

import numpy as np

_NUMBERS = (1 << 22) - (1 << 12)  # just under 32 MB, beyond which glibc adapts no more


def keep_freed_memory() -> None:
    """Have glibc hold on to freed blocks of up to 32 MB, in this process from now on.

    It raises its thresholds to the largest block that was ever given back (mallopt(3), M_MMAP_THRESHOLD); so
    one is taken, not touched, and given back. Elsewhere this does nothing.
    """
    np.empty(_NUMBERS)
