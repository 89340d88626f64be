"""Lists of students: text with a name a line, or CSV with ids in a learning management system."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from verifier.problem.errors import ErrorCollector

_NAME_HEADS = ("student", "name")
_ID_HEADS = ("lms_id", "lms id", "lms", "id")
# the rest of a line after a comma is a part of the name, as in `Lovelace, Ada`: a blank and no digit
_REST_OF_NAME = re.compile(r'[^",]+, [^",\d]+')


@dataclass(frozen=True, slots=True)
class ListedStudent:
    """A student of a list. lms_id: the id in a learning management system; None without one."""

    name: str
    lms_id: str | None = None


def read_students(text: str) -> list[ListedStudent]:
    """Return the students of a list, in order.

    A line is `ada`, `ada,4711` or `Lovelace, Ada`: after a comma comes an id, or the rest of the name if a
    blank and no digit follow. Text that begins with a head such as `student,lms_id` is CSV of any columns.
    Raise MalformedSubmission with the lines that are no student, or one that came before.
    """
    errors, students = ErrorCollector(), dict[str, ListedStudent]()
    rows = _rows(text)
    columns = _columns(rows[0][1]) if rows else None
    name_at, id_at = columns or (0, 1)
    for number, cells in rows if columns is None else rows[1:]:
        place = f"line {number}"
        if columns is None and len(cells) > 2:
            remedy = 'write a name with commas in quotes, as in "Hopper, Grace, PhD"'
            errors.add(place, "'name' or 'name,LMS id'", f"{len(cells)} columns", remedy)
            continue
        name = cells[name_at] if name_at < len(cells) else ""
        lms_id = cells[id_at] if 0 <= id_at < len(cells) else ""
        if not name:
            errors.add(place, "the name of a student", "none")
        elif name in students:
            errors.add(place, "every name once", f"{name[:60]!r} more than once", "leave one")
        else:
            students[name] = ListedStudent(name, lms_id or None)
    errors.raise_if_any()
    return list(students.values())


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the cells of each line that is not blank, with its number."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if _columns(first.split(",")) is None:
        lines = [f'"{line.strip()}"' if _REST_OF_NAME.fullmatch(line.strip()) else line for line in lines]
    rows = ([cell.strip() for cell in row] for row in csv.reader(lines))
    return [(number, row) for number, row in enumerate(rows, 1) if any(row)]


def _columns(cells: Sequence[str]) -> tuple[int, int] | None:
    """Return the columns of names and of ids (-1 for none), if the cells are heads; else None."""
    heads = [cell.strip().lower() for cell in cells]
    names = [heads.index(head) for head in _NAME_HEADS if head in heads]
    ids = [heads.index(head) for head in _ID_HEADS if head in heads]
    return (names[0], ids[0] if ids else -1) if names else None
