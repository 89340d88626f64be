"""Read the document's `tolerance`."""

from typing import Any

from verifier.documents.mistakes import Mistakes, at, check_fields, read_choice, read_number, shown
from verifier.tolerance import TOLERANCES, Tolerance


def read_tolerance(document: Any, pointer: str, mistakes: Mistakes) -> Tolerance | None:
    """Read a preset's name, `{"preset": …}` or `{"rtol": …, "atol": …}`."""
    if document is None:
        return TOLERANCES["standard"]
    if isinstance(document, str):
        document = {"preset": document}
    if not isinstance(document, dict):
        mistakes.add(pointer, 'a tolerance, such as {"preset": "standard"}', shown(document))
        return None
    check_fields(document, ("preset", "rtol", "atol"), pointer, mistakes)
    if "preset" in document:
        if len(document) > 1:
            mistakes.add(pointer, "a preset, or rtol and atol", "both", "leave one of them out")
        preset = read_choice(document["preset"], TOLERANCES, at(pointer, "preset"), mistakes)
        return None if preset is None else TOLERANCES[preset]
    rtol = read_number(document.get("rtol", 0.0), at(pointer, "rtol"), mistakes, at_least=0.0, below=1.0)
    atol = read_number(document.get("atol", 0.0), at(pointer, "atol"), mistakes, at_least=0.0)
    return None if rtol is None or atol is None else Tolerance(rtol, atol)
