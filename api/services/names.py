"""Names of students: one spelling for names that look alike."""

import unicodedata

_INVISIBLE = "Cf"  # Unicode's category of zero-width characters and marks of direction


def normalize_name(name: str) -> str:
    """Return a name in Unicode's form NFC, without invisible characters and with single blanks inside.

    A zip made on macOS has names in the form NFD, for example.
    """
    composed = unicodedata.normalize("NFC", name)
    visible = "".join(character for character in composed if unicodedata.category(character) != _INVISIBLE)
    return unicodedata.normalize("NFC", " ".join(visible.split()))
