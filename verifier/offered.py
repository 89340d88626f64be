"""Submissions that every door gives by name: the examples, and the gallery as `gallery/NAME`."""

from typing import Any

from verifier.examples import EXAMPLES, example_document
from verifier.gallery import GALLERY
from verifier.gallery.submissions import gallery_document

IN_GALLERY = "gallery/"


def offered() -> dict[str, str]:
    """Give every name with what it is."""
    return {row.name: row.description for row in EXAMPLES.values()} | {
        f"{IN_GALLERY}{entry.name}": entry.title for entry in GALLERY.values()
    }


def offered_document(name: str) -> dict[str, Any]:
    """Give a submission by its name, ready for JSON. Raises: KeyError for a name that is none."""
    if name.startswith(IN_GALLERY):
        return gallery_document(name.removeprefix(IN_GALLERY))
    return example_document(name)
