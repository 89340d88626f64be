"""Submissions that every door gives by name: examples, `planted/NAME` and `gallery/NAME` with mistakes."""

from typing import Any

from verifier.examples import EXAMPLES, example_document
from verifier.gallery import GALLERY
from verifier.gallery.submissions import gallery_document
from verifier.graphs.planted import PLANTED, PLANTED_MISTAKES

IN_GALLERY = "gallery/"


def offered() -> dict[str, str]:
    """Give every name with what it is."""
    named = {row.name: row.description for row in (*EXAMPLES.values(), *PLANTED_MISTAKES.values())}
    return named | {f"{IN_GALLERY}{entry.name}": entry.title for entry in GALLERY.values()}


def offered_document(name: str) -> dict[str, Any]:
    """Give a submission by its name, ready for JSON. Raises: KeyError for a name that is none."""
    if name.startswith(IN_GALLERY):
        return gallery_document(name.removeprefix(IN_GALLERY))
    if name.startswith(PLANTED):
        return PLANTED_MISTAKES[name.removeprefix(PLANTED)].document()
    return example_document(name)
