"""Sanitise text of submitters: no control characters and no commands for terminals or CI runners."""

_LONGEST = 200
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # fullwidth forms, which East Asian editions of Excel accept


def one_line(text: str) -> str:
    """Return one line: unprintable characters become `?`, and GitHub's command markers get a space."""
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable.replace("::", ": :").replace("##[", "## [")


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return one printable line of at most `longest` characters."""
    printable = "".join(c if c.isprintable() else "?" for c in text[: longest + 1])
    return printable if len(printable) <= longest else printable[: longest - 1] + "…"


def clipped(text: str, longest: int) -> str:
    """Return printable lines of at most `longest` characters in total."""
    printable = "".join(c if c.isprintable() or c == "\n" else "?" for c in text[: longest + 1])
    return printable if len(printable) <= longest else printable[: longest - 1] + "…"


def cell(text: str) -> str:
    """Return one line for a spreadsheet's cell; a formula gets an apostrophe in front."""
    line = shortened(text)
    return f"'{line}" if line.lstrip()[:1] in _FORMULA else line
