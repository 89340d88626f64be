"""Write sanitised one-line error messages to standard error.

Line breaks and control characters in a message are replaced, so that file names and file contents cannot
imitate another message or a terminal command.
"""

import sys
from collections.abc import Iterable

from verifier.documents.mistakes import Mistake, encodable
from verifier.exporters.harmless import one_line


def tell(line: str) -> None:
    """Write one sanitised line to standard error."""
    print(one_line(encodable(line)), file=sys.stderr)  # noqa: T201


def tell_mistakes(mistakes: Iterable[Mistake], source: str = "") -> None:
    """Write one line per mistake, prefixed with the name of the file if there is one."""
    for mistake in mistakes:
        tell(f"{source}: {mistake.sentence}" if source else mistake.sentence)
