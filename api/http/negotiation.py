"""Which of our media types a request's Accept header asks for."""

from http import HTTPStatus

from api.http.problems import ProblemError
from api.rendering import JSON, MEDIA_TYPES


def accepted(header: str | None, besides: tuple[str, ...] = ()) -> str:
    """Choose among our media types by RFC 9110 section 12.5.1; a tie goes to the more specific range.

    besides: others that this resource can be had as, for who names them.
    Raises: ProblemError 406 naming them when none is acceptable.
    """
    ranges = [_range(part) for part in (header or "*/*").split(",") if part.strip()]
    ordered = sorted(ranges, key=lambda item: (-item[1], item[0].count("*")))
    refused = {name for name, quality in ranges if quality == 0}
    for name, quality in ordered:
        if quality == 0:
            continue
        if name == "*/*" or name == "application/*":
            return JSON
        if name in besides:
            return name
        matches = [own for own in MEDIA_TYPES if own == name or name == own.split("/")[0] + "/*"]
        if matches and matches[0] not in refused:
            return matches[0]
    raise ProblemError(
        HTTPStatus.NOT_ACCEPTABLE, f"a report can be had as {', '.join(MEDIA_TYPES)}; ask for one of them"
    )


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
    return name.lower(), quality
