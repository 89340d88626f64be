"""The pages, and what stands in them: fenced blocks, and the commands of console blocks."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]}
_FENCE = re.compile(r"^```([\w-]*)(?: (\S+))?\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_HEREDOC = re.compile(r"<<-?\s*'?(\w+)'?")
_STATUS = re.compile(r"# exit status (\d+)$", flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced block: the word after the fence, its text, and the file that the fence names, if any."""

    language: str
    text: str
    file: str | None


@dataclass(frozen=True, slots=True)
class PageCommand:
    """A command of a console block, and what the page says it prints (None: nothing is shown)."""

    text: str
    shown: str | None

    @property
    def status(self) -> int:
        """The exit status that the page promises: 0, or the one of its comment."""
        match = _STATUS.search(self.text)
        return int(match.group(1)) if match else 0


def blocks_of(page: Path) -> list[CodeBlock]:
    matches = _FENCE.finditer(page.read_text(encoding="utf-8"))
    return [CodeBlock(match[1], match[3], match[2]) for match in matches]


def commands_of(block: CodeBlock) -> list[PageCommand]:
    """Read `$ command` lines: with what a backslash or `<<END` continues, and the lines shown after them."""
    commands: list[PageCommand] = []
    lines = iter(block.text.splitlines())
    typed: list[str] = []
    shown: list[str] = []

    def finish() -> None:
        if typed:
            commands.append(PageCommand("\n".join(typed), "\n".join(shown) or None))

    for line in lines:
        if not line.startswith("$ "):
            assert typed, f"a console block begins with a command, not with {line!r}"
            shown.append(line)
            continue
        finish()
        typed, shown = [line[2:]], []
        while typed[-1].endswith("\\"):
            typed.append(next(lines))
        if heredoc := _HEREDOC.search(line):
            while typed[-1] != heredoc.group(1):
                typed.append(next(lines))
    finish()
    return commands


def matches_output(shown: str, printed: str) -> bool:
    """Compare with what a page shows: `…` stands for anything within a line, and alone for any lines."""
    pattern = ""
    for line in shown.rstrip().splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("…")) + r"\n"
    plain = "".join(f"{line.rstrip()}\n" for line in printed.rstrip().splitlines())
    return re.fullmatch(pattern, plain) is not None
