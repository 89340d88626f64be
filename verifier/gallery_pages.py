"""Write the files of the gallery: `python -m verifier.gallery_pages examples/gallery`."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from verifier.documents.json_text import write
from verifier.exporters.diagnosis import heading
from verifier.exporters.sentences import declared_loss
from verifier.gallery import GALLERY
from verifier.gallery.entry import Live
from verifier.gallery.rows import GalleryRow, gallery_rows
from verifier.gallery.submissions import stored_file

TABLE = "gallery.jsonl"  # not .json: `gradjury check examples/gallery` takes those for submissions
_HEAD = f"""# The gallery

Mistakes that somebody really made, each handed in again: as the library computes it where a release is
named, else made once more from its description. What GradJury says of them is computed, and a test holds it
to what the citation says. Each `.json` here is a submission, `gradjury check examples/gallery` judges them
all, and [`{TABLE}`]({TABLE}) is this table for programs. The files are generated: `make docs`.
"""


def gallery_pages() -> dict[str, str]:
    """Return the text of every file by name: a submission per entry, README.md and the JSON Lines table."""
    rows = list(gallery_rows())
    return {
        "README.md": "\n".join(_readme(rows)) + "\n",
        TABLE: "".join(f"{write(record(row))}\n" for row in rows),
    } | {f"{row.name}.json": f"{write(row.submission)}\n" for row in rows}


def record(row: GalleryRow) -> dict[str, Any]:
    """Return a row as JSON-serialisable data, without the submission, which has its own file."""
    citation = row.citation
    return {
        "name": row.name,
        "title": row.title,
        "story": row.entry.story,
        "citation": {"title": citation.title, "url": citation.url, "year": citation.year},
        "release": row.release,
        "declared_loss": dict(row.declared_loss),
        "verdict": str(row.report.verdict),
        "diagnosis": [
            {
                "bug": diagnosis.bug,
                "layer": diagnosis.layer,
                "equation": diagnosis.equation,
                "factor": diagnosis.factor,
                "also_consistent": list(diagnosis.also_consistent),
                "explanation": diagnosis.explanation,
            }
            for diagnosis in row.report.diagnosis
        ],
        "command": row.command,
    }


def _readme(rows: Sequence[GalleryRow]) -> Iterator[str]:
    yield _HEAD
    yield "| entry | mistake | year | diagnosis |"
    yield "|---|---|---|---|"
    for row in rows:
        headings = "; ".join(heading(diagnosis) for diagnosis in row.report.diagnosis)
        yield f"| [`{row.name}`](#{row.name}) | {row.title} | {row.citation.year} | {headings} |"
    for row in rows:
        yield from _section(row)


def _section(row: GalleryRow) -> Iterator[str]:
    citation = row.citation
    yield f"\n## {row.name}\n"
    yield f"{row.title}. {row.entry.story}\n"
    yield f"- said by: [{citation.title}]({citation.url}), {citation.year}"
    if row.release:
        yield f"- computed by: {row.release}"
    yield f"- declared loss: {declared_loss(row.report)}"
    yield f"- handed in: [`{row.name}.json`]({row.name}.json)"
    for diagnosis in row.report.diagnosis:
        yield f"- GradJury: **{heading(diagnosis)}**. {diagnosis.explanation}"
        if diagnosis.also_consistent:
            yield f"  The same numbers here would come from: {', '.join(diagnosis.also_consistent)}."
    yield f"- again: `{row.command}`"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the gallery's submissions and tables.")
    parser.add_argument("folder", type=Path, help="where to; examples/gallery in this project")
    parser.add_argument("--live", action="store_true", help="first ask libraries again for what they compute")
    arguments = parser.parse_args()
    if arguments.live:
        for entry in GALLERY.values():
            if isinstance(entry.made, Live):
                stored_file(entry.name).write_text(f"{write(entry.made.compute())}\n", encoding="utf-8")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, text in gallery_pages().items():
        (arguments.folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
