"""Stored reports in any format."""

from api.media_types import JSON, MEDIA_TYPES
from verifier.documents.json_text import parse
from verifier.documents.report_reading import read_report


def rendered(document: bytes, media_type: str) -> bytes:
    """Render a report's JSON document; JSON itself is given as it was stored."""
    if media_type == JSON:
        return document
    return (MEDIA_TYPES[media_type].export(read_report(parse(document))) + "\n").encode()
