"""A batch as NDJSON: a submission a line, or {"source": NAME, "submission": {…}}.

Lines are taken apart without being parsed, so numbers stay as they were written, and what is malformed is
told by the judging process, line by line.
"""

import json
import re
from collections.abc import Sequence

from api.batches.sent import Sent, at_most, bad_name

_LINE = re.compile(rb"[^\n]+")
_STRING = rb'"(?:[^"\\]|\\.){0,4000}"'
_NAMED = re.compile(rb'\s*\{\s*"source"\s*:\s*(' + _STRING + rb')\s*,\s*"submission"\s*:')
_BEGIN = re.compile(rb'\s*\{\s*"submission"\s*:')
_NAMED_AFTER = re.compile(rb',\s*"source"\s*:\s*(' + _STRING + rb")\s*\}\s*$")
_TAIL = 5000  # bytes at a line's end that a name may take


def read_lines(content: bytes, most: int, largest: int, named: bool) -> Sequence[Sent]:
    """Read lines; blank ones are left out. named: whether each must say whose it is.

    Raises: ProblemError 413 for too many.
    """
    found: list[Sent] = []
    number, counted = 1, 0
    for count, line in enumerate(_LINE.finditer(content), 1):
        at_most(count, most)
        number += content.count(b"\n", counted, line.start())
        counted = line.start()
        if line[0].strip():
            found.append(_read(f"line {number}", line[0], largest, named))
    return found


def _read(source: str, line: bytes, largest: int, named: bool) -> Sent:
    name, submission = _taken_apart(line)
    if name is None and named:
        rule = 'expected {"source": STUDENT, "submission": {"gradients": …}}, got no name of a student'
        return Sent(source, "json", b"", f"/source: {rule}")
    trouble = None if name is None else bad_name(name)
    if trouble:
        return Sent(source, "json", b"", f"/source: {trouble}")
    if len(submission) > largest:
        return Sent(name or source, "json", b"", f"expected at most {largest} bytes, got {len(submission)}")
    return Sent(name or source, "json", submission)


def _taken_apart(line: bytes) -> tuple[str | None, bytes]:
    """Give a line's name for itself, and the submission in it."""
    before = _NAMED.match(line)
    if before is not None:
        return _text(before[1]), line[before.end() : line.rstrip().rfind(b"}")]
    begin = _BEGIN.match(line)
    if begin is not None:
        start = max(begin.end(), len(line) - _TAIL)
        after = _NAMED_AFTER.search(line, start)
        if after is not None:
            return _text(after[1]), line[begin.end() : after.start()]
    return None, line


def _text(string: bytes) -> str:
    try:
        return str(json.loads(string))
    except ValueError:  # a broken escape, or no UTF-8
        return ""
