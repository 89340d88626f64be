"""Write the documentation pages of the bugs: `python -m verifier.bug_pages docs/bugs`."""

import argparse
from pathlib import Path

from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.pages import pages
from verifier.examples import LAYER_EXAMPLES, example_document
from verifier.inspecting import inspect


def bug_pages() -> dict[str, str]:
    """Return the text of every page by file name."""
    return pages(BUGS.values(), coincidences())


def coincidences() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return for every bug the equivalent bugs, each with the examples in which both have equal gradients.

    In those networks no choice of parameters distinguishes the two bugs.
    """
    equivalent: dict[str, dict[str, tuple[str, ...]]] = {bug: {} for bug in BUGS}
    for name in LAYER_EXAMPLES:
        for row in inspect(example_document(name)).bugs:
            for other in row.same_here_as:
                equivalent[row.bug][other] = (*equivalent[row.bug].get(other, ()), name)
    return equivalent


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the catalogue's pages and their index.")
    parser.add_argument("folder", type=Path, help="where to; docs/bugs in this project")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in bug_pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
