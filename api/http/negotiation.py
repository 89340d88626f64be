"""Media types of responses: the choice by the Accept header, and files to save."""

from http import HTTPStatus

from fastapi import Response

from api.http.problems import ProblemError
from api.rendering import JSON, MEDIA_TYPES


def negotiate(header: str | None, extra: tuple[str, ...] = ()) -> str:
    """Return a media type for an Accept header, by RFC 9110, section 12.5.1. Specific ranges win ties.

    extra: other media types of the resource, which the header must name exactly.
    Raise ProblemError 406 if none is acceptable.
    """
    ranges = [_parse_range(part) for part in (header or "*/*").split(",") if part.strip()]
    by_preference = sorted(ranges, key=lambda item: (-item[1], item[0].count("*")))
    excluded = {name for name, quality in ranges if quality == 0}
    for name, quality in by_preference:
        if quality == 0:
            continue
        if name == "*/*" or name == "application/*":
            return JSON
        if name in extra:
            return name
        matches = [known for known in MEDIA_TYPES if name in (known, known.split("/")[0] + "/*")]
        if matches and matches[0] not in excluded:
            return matches[0]
    raise ProblemError(
        HTTPStatus.NOT_ACCEPTABLE, f"a report can be had as {', '.join(MEDIA_TYPES)}; ask for one of them"
    )


def attachment(content: str | bytes, filename: str, media_type: str) -> Response:
    """Return a response that browsers save as a file."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(content, HTTPStatus.OK, headers, media_type)


def _parse_range(part: str) -> tuple[str, float]:
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
