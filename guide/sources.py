"""Collect the Markdown pages of the site: those of docs/, pages stored elsewhere, and the reference."""

import re
import shutil
from pathlib import Path
from posixpath import relpath

from guide.reference import command_line_reference, http_reference, python_reference

ROOT = Path(__file__).parents[1]
_PLACES = {  # where a folder or page outside docs/ stands in the site
    "examples/gallery": "gallery",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_LINK = re.compile(r"(!?)\[((?:[^\]\[]|\[[^\]]*\])*)\]\(([^)#\s]+)((?:#[^)\s]*)?)\)")
_FENCED = re.compile(r"^(```.*?^```$)", re.DOTALL | re.MULTILINE)
_NAMED_FENCE = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)


def write_sources(folder: Path) -> None:
    """Write all pages into a new folder, with links that fit the site."""
    shutil.copytree(ROOT / "docs", folder)
    for source, place in _PLACES.items():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / place)
        else:
            shutil.copy(ROOT / source, folder / place)
    for page in folder.rglob("*.md"):
        page.write_text(adapt(page.read_text(encoding="utf-8"), page.relative_to(folder)), encoding="utf-8")
    reference = folder / "reference"
    reference.mkdir()
    (reference / "python.md").write_text(python_reference(), encoding="utf-8")
    (reference / "http.md").write_text(http_reference(), encoding="utf-8")
    (reference / "command-line.md").write_text(command_line_reference(), encoding="utf-8")
    shutil.copytree(Path(__file__).parent / "assets", folder / "assets")


def adapt(text: str, page: Path) -> str:
    """Return a page's text with links as the site needs them, and names of files above blocks of code."""
    parts = _FENCED.split(text)
    parts[::2] = [_LINK.sub(lambda match: _link(match, page), part) for part in parts[::2]]
    return _NAMED_FENCE.sub(r'```\1 title="\2"', "".join(parts))


def _link(match: re.Match[str], page: Path) -> str:
    """Return a link to the same file in the site; of files that have no page, the words without a link."""
    picture, words, target, anchor = match.groups()
    if ":" in target:
        return match[0]
    file = (_stored(page).parent / target).resolve().relative_to(ROOT).as_posix()
    if not (ROOT / file).exists():
        return match[0]  # the build refuses it
    for source, place in {"docs": ".", **_PLACES}.items():
        if file == source or file.startswith(f"{source}/"):
            there = relpath(f"{place}/{file.removeprefix(source)}".rstrip("/"), page.parent.as_posix())
            return f"{picture}[{words}]({there}{anchor})"
    return words


def _stored(page: Path) -> Path:
    for source, place in _PLACES.items():
        if page.as_posix() == place or page.as_posix().startswith(f"{place}/"):
            return ROOT / source / page.relative_to(place)
    return ROOT / "docs" / page
