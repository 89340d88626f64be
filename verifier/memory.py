"""Memory that was freed, kept for what comes next: fresh pages cost more than the arithmetic on them."""

_BYTES = (1 << 25) - (1 << 15)  # just under 32 MB, beyond which glibc adapts no more


def keep_freed_memory() -> None:
    """Have glibc hold on to freed blocks of up to 32 MB, in this process from now on.

    It raises its thresholds to the largest block that was ever given back (mallopt(3), M_MMAP_THRESHOLD); so
    one is taken, not touched, and given back. Elsewhere this does nothing.
    """
    bytes(_BYTES)
