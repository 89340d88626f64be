"""Rows of the gallery: entries with their submissions and reports."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verifier.examples.gallery import GALLERY
from verifier.examples.gallery.entry import Citation, GalleryEntry, LibraryRun
from verifier.examples.gallery.submissions import gallery_document
from verifier.pipeline.layers import verify
from verifier.report.report import Report


@dataclass(frozen=True, slots=True, eq=False)
class GalleryRow:
    """Gallery entry with its submission and report.

    declared_loss: all fields of the loss, with presets expanded.
    release: library that computed the submission; None if the mistake is reproduced from its description.
    """

    entry: GalleryEntry
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
        return self.entry.made.release if isinstance(self.entry.made, LibraryRun) else None

    @property
    def command(self) -> str:
        return f"gradjury example gallery/{self.name} | gradjury check -"


def gallery_rows() -> Iterator[GalleryRow]:
    """Return an iterator over the rows of the gallery, which judges each submission when it is reached."""
    return (gallery_row(name) for name in GALLERY)


def gallery_row(name: str) -> GalleryRow:
    """Return one row. Raises: KeyError for an unknown name."""
    submission = gallery_document(name)
    return GalleryRow(GALLERY[name], submission, verify(submission))
