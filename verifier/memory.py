"""Keep freed memory in the process for reuse: fresh pages cost more time than the arithmetic on them."""

_BYTES = (1 << 25) - (1 << 15)  # just under 32 MB, the most that glibc adapts its threshold to


def keep_freed_memory() -> None:
    """Make glibc keep freed blocks of up to 32 MB in this process from now on.

    glibc raises its thresholds to the largest block that was ever freed (mallopt(3), M_MMAP_THRESHOLD). So
    this allocates one block and frees it untouched. With other allocators it has no effect.
    """
    bytes(_BYTES)
