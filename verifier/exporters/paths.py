"""What the files are called: no two alike, since platforms drop what is named twice."""

from collections import Counter
from collections.abc import Sequence

from verifier.exporters.harmless import shortened
from verifier.sourced import Sourced


def paths_of(reports: Sequence[Sourced]) -> list[str]:
    """Give each submission's path in a printable line; one that comes again is numbered."""
    seen: Counter[str] = Counter()
    found = []
    for own in reports:
        path = shortened(own.path)
        seen[path] += 1
        found.append(f"{path} ({seen[path]})" if seen[path] > 1 else path)
    return found
