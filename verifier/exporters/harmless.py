"""Words of a submitter that can neither forge a line, nor steer a terminal, nor command a CI runner."""

_LONGEST = 200
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # the wide ones in Excel's East Asian editions


def one_line(text: str) -> str:
    """Replace what does not print by a question mark, and part what GitHub's runner takes for a command."""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain.replace("::", ": :").replace("##[", "## [")


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Give one printable line of at most so many characters."""
    plain = "".join(c if c.isprintable() else "?" for c in text[: longest + 1])
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def clipped(text: str, longest: int) -> str:
    """Give text of several lines without other control characters, of at most so many characters."""
    plain = "".join(c if c.isprintable() or c == "\n" else "?" for c in text[: longest + 1])
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def cell(text: str) -> str:
    """Give one line for a spreadsheet's cell; what would be a formula is preceded by an apostrophe."""
    plain = shortened(text)
    return f"'{plain}" if plain.lstrip()[:1] in _FORMULA else plain
