"""The README is short, and its commands, code and output are correct."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

from tests.docs.pages import PAGES, blocks_of, matches_output
from verifier.diagnosis.catalogue import BUGS

README = PAGES["README.md"].read_text(encoding="utf-8")
BLOCKS = blocks_of(PAGES["README.md"])


def test_the_readme_has_at_most_120_lines() -> None:
    assert len(README.splitlines()) <= 120


def test_the_python_example_prints_what_the_readme_shows() -> None:
    (place,) = [i for i, block in enumerate(BLOCKS) if "check_gradient" in block.text]
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(BLOCKS[place].text, {})
    assert matches_output(BLOCKS[place + 1].text, printed.getvalue()), printed.getvalue()


def test_the_pytest_example_is_the_one_in_examples() -> None:
    (shown,) = [block.text for block in BLOCKS if "check_backprop" in block.text]
    stored = Path(__file__).parents[1] / "examples" / "student" / "test_backprop.py"
    assert shown == stored.read_text(encoding="utf-8")


def test_the_readme_counts_the_known_mistakes() -> None:
    assert f"{len(BUGS)} known mistakes" in README


def test_make_commands_are_targets_of_the_makefile() -> None:
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^([\w -]+):", makefile, re.MULTILINE) for name in line.split()}
    commands = set(re.findall(r"make ([\w-]+)", README))
    assert commands >= {"run", "docs"}
    assert commands <= targets
