"""What a batch's body holds, before any of it is judged."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from api.http.problems import ProblemError

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """One submission as it came. source: its file's name, its line, or as it names itself.

    refusal: why it is not judged, where that shows already.
    """

    source: str
    declared: str | None
    content: bytes
    refusal: str = ""


def bad_name(name: str) -> str | None:
    """Say why a name cannot stand in a table and on a page; None where it can."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        return f"expected a name of 1 to {LONGEST_NAME} printable characters, got one of {len(name)}"
    return None


def at_most(count: int, most: int) -> None:
    """Raises: ProblemError 413."""
    if count > most:
        detail = f"expected at most {most} submissions in a batch, got {count}; send several batches"
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def each_once(sources: Iterable[str], what: str) -> None:
    """Raises: ProblemError 422."""
    twice = [source for source, count in Counter(sources).items() if count > 1]
    if twice:
        detail = (
            f"expected every {what} once, got {twice[0][:LONGEST_NAME]!r} several times; rename or leave out"
        )
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def of_students(sent: Sequence[Sent]) -> Sequence[Sent]:
    """Hold a batch of an assignment to one submission a student. Raises: ProblemError 422."""
    each_once((each.source for each in sent if not each.refusal), "student")
    return sent
