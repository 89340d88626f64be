"""Many rows checked in one test, so that the suite has few tests and still names every row that fails."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def check_each(rows: Iterable[Any], *checks: Callable[[Any], None]) -> None:
    """Run checks on every row, and fail with a line for each that did not hold; a mapping names its rows."""
    found = []
    for name, row in rows.items() if isinstance(rows, Mapping) else ((row, row) for row in rows):
        for check in checks:
            try:
                check(row)
            except Exception as error:
                found.append(f"{name}: {check.__name__}: {type(error).__name__}: {error}")
    assert not found, "\n".join(found)
