"""Create the submissions of gallery entries."""

import json
from pathlib import Path
from typing import Any

from verifier.examples.gallery import GALLERY
from verifier.examples.gallery.entry import Reproduction
from verifier.examples.layers import with_gradients


def gallery_document(name: str) -> dict[str, Any]:
    """Return an entry's submission as a JSON-serialisable document. Raises: KeyError for an unknown name."""
    made = GALLERY[name].made
    if isinstance(made, Reproduction):
        return with_gradients(made.question(), made.backward)
    document: dict[str, Any] = json.loads(stored_file(name).read_text(encoding="utf-8"))
    return document


def stored_file(name: str) -> Path:
    """Return the path of the stored submission of a library, which need not be installed."""
    return Path(__file__).parent / "stored" / f"{name}.json"
