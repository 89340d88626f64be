"""Look up example submissions by name: examples, `planted/NAME` and `gallery/NAME`.

The submissions of the last two kinds contain a mistake.
"""

from typing import Any

from verifier.examples.gallery import GALLERY
from verifier.examples.gallery.submissions import gallery_document
from verifier.examples.graphs import BUGGY_EXAMPLES, BUGGY_PREFIX
from verifier.examples.layers import EXAMPLES, example_document

IN_GALLERY = "gallery/"


def list_examples() -> dict[str, str]:
    """Return the description of every example by name."""
    descriptions = {row.name: row.description for row in (*EXAMPLES.values(), *BUGGY_EXAMPLES.values())}
    return descriptions | {f"{IN_GALLERY}{entry.name}": entry.title for entry in GALLERY.values()}


def load_example(name: str) -> dict[str, Any]:
    """Return a submission as a JSON-serialisable document. Raises: KeyError for an unknown name."""
    if name.startswith(IN_GALLERY):
        return gallery_document(name.removeprefix(IN_GALLERY))
    if name.startswith(BUGGY_PREFIX):
        return BUGGY_EXAMPLES[name.removeprefix(BUGGY_PREFIX)].document()
    return example_document(name)
