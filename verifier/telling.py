"""Standard error: a line for each thing that is wrong, in which nobody's words forge a line or a command."""

import sys
from collections.abc import Iterable

from verifier.documents.mistakes import Mistake, encodable
from verifier.exporters.harmless import one_line


def tell(line: str) -> None:
    """Write one line, whatever it holds."""
    print(one_line(encodable(line)), file=sys.stderr)  # noqa: T201


def tell_mistakes(mistakes: Iterable[Mistake], source: str = "") -> None:
    """Write a line a mistake, after the name of the file that holds it."""
    for mistake in mistakes:
        tell(f"{source}: {mistake.sentence}" if source else mistake.sentence)
