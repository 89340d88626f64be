"""Make the paths of submissions unique, since platforms drop duplicate names."""

from collections import Counter
from collections.abc import Sequence

from verifier.exporters.harmless import shortened
from verifier.sourced import Sourced


def paths_of(reports: Sequence[Sourced]) -> list[str]:
    """Return each submission's path as a printable line; repeated paths get a number."""
    counts: Counter[str] = Counter()
    paths = []
    for outcome in reports:
        path = shortened(outcome.path)
        counts[path] += 1
        paths.append(f"{path} ({counts[path]})" if counts[path] > 1 else path)
    return paths
