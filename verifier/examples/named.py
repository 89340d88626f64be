"""Look up example submissions by name: examples, `planted/NAME` and `gallery/NAME`.

The submissions of the last two kinds contain a mistake.
"""

from typing import Any

from verifier.examples.gallery import GALLERY
from verifier.examples.gallery.submissions import gallery_document
from verifier.examples.graphs import PLANTED, PLANTED_MISTAKES
from verifier.examples.layers import EXAMPLES, example_document

IN_GALLERY = "gallery/"


def offered() -> dict[str, str]:
    """Return the description of every example by name."""
    descriptions = {row.name: row.description for row in (*EXAMPLES.values(), *PLANTED_MISTAKES.values())}
    return descriptions | {f"{IN_GALLERY}{entry.name}": entry.title for entry in GALLERY.values()}


def offered_document(name: str) -> dict[str, Any]:
    """Return a submission as a JSON-serialisable document. Raises: KeyError for an unknown name."""
    if name.startswith(IN_GALLERY):
        return gallery_document(name.removeprefix(IN_GALLERY))
    if name.startswith(PLANTED):
        return PLANTED_MISTAKES[name.removeprefix(PLANTED)].document()
    return example_document(name)
