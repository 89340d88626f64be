"""Which format answers to which media type."""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.exporters import EXPORTERS, Exporter


def _by_media_type() -> dict[str, Exporter]:
    found: dict[str, Exporter] = {}  # of formats that share a media type, the first has it
    for row in EXPORTERS.values():
        for name in (row.media_type, *row.aliases):
            found.setdefault(name, row)
    return found


MEDIA_TYPES: Mapping[str, Exporter] = MappingProxyType(_by_media_type())
JSON = "application/json"
