"""Change built pages: formulas become MathML, and scripts within pages become files."""

import re
from collections.abc import Iterator
from hashlib import sha256
from html import unescape
from pathlib import Path
from posixpath import relpath

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_LOADED = re.compile(
    r'<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href|srcset)="((?:https?:)?//[^"]+)"'
)


def finish_pages(folder: Path) -> None:
    """Change every page of a built site.

    Raises ValueError for a page that would load something from another address.
    """
    scripts: dict[str, str] = {}
    for page in sorted(folder.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        if addresses := _LOADED.findall(text):
            raise ValueError(
                f"{page.relative_to(folder)} loads {', '.join(addresses)}; pages must work offline"
            )
        text, moved = move_scripts(mathml(text), relpath(folder, page.parent))
        scripts |= moved
        page.write_text(text, encoding="utf-8")
    for name, text in scripts.items():
        (folder / name).write_text(text, encoding="utf-8")


def mathml(page: str) -> str:
    """Return a page with its LaTeX as MathML, which browsers draw without a script."""

    def converted(match: re.Match[str]) -> str:
        return convert(unescape(match[3]), display="block" if match[2] == "[" else "inline")

    return _FORMULA.sub(converted, page)


def move_scripts(page: str, to_root: str) -> tuple[str, dict[str, str]]:
    """Return a page without inline scripts, which the service's policy forbids, and their files by name."""
    scripts = {f"assets/inline-{sha256(text.encode()).hexdigest()[:12]}.js": text for text in _inline(page)}
    for name, text in scripts.items():
        page = page.replace(f"<script>{text}</script>", f'<script src="{to_root}/{name}"></script>')
    return page, scripts


def _inline(page: str) -> Iterator[str]:
    return (match[1] for match in _SCRIPT.finditer(page))
