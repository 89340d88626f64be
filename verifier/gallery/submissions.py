"""What an entry of the gallery hands in, as a document."""

import json
from pathlib import Path
from typing import Any

from verifier.drawn_questions import answered
from verifier.gallery import GALLERY
from verifier.gallery.entry import Replay


def gallery_document(name: str) -> dict[str, Any]:
    """Give an entry's submission, ready for JSON. Raises: KeyError for a name that is none."""
    made = GALLERY[name].made
    if isinstance(made, Replay):
        return answered(made.question(), made.backward)
    document: dict[str, Any] = json.loads(stored_file(name).read_text(encoding="utf-8"))
    return document


def stored_file(name: str) -> Path:
    """Give where what a library computed is kept: the library need not be installed."""
    return Path(__file__).parent / "stored" / f"{name}.json"
