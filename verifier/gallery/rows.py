"""The gallery's rows as they are shown: what was handed in, and what GradJury says of it, computed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verifier.gallery import GALLERY
from verifier.gallery.entry import Citation, Entry, Live
from verifier.gallery.submissions import gallery_document
from verifier.pipeline import verify
from verifier.report import Report


@dataclass(frozen=True, slots=True, eq=False)
class GalleryRow:
    """An entry, its submission, and the report on that.

    declared_loss: every field of it, presets expanded. release: of the library that computed it; None where
        the mistake was made again from its description.
    """

    entry: Entry
    submission: dict[str, Any]
    report: Report

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def title(self) -> str:
        return self.entry.title

    @property
    def citation(self) -> Citation:
        return self.entry.citation

    @property
    def declared_loss(self) -> Mapping[str, Any]:
        return self.report.loss.graded_under

    @property
    def release(self) -> str | None:
        return self.entry.made.release if isinstance(self.entry.made, Live) else None

    @property
    def command(self) -> str:
        return f"gradjury example gallery/{self.name} | gradjury check -"


def gallery_rows() -> Iterator[GalleryRow]:
    """Give every row of the gallery, in the table's order; each is judged as it is asked for."""
    return (gallery_row(name) for name in GALLERY)


def gallery_row(name: str) -> GalleryRow:
    """Give one row. Raises: KeyError for a name that is none."""
    submission = gallery_document(name)
    return GalleryRow(GALLERY[name], submission, verify(submission))
