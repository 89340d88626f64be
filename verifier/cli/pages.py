"""Write the catalogue of bugs and the gallery as Markdown pages, each with an index."""

import argparse
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from verifier.cli.equations import equation_code, equation_picture, equation_text
from verifier.diagnosis.catalogue import ALIASES, BUGS, LOCAL_RULES
from verifier.diagnosis.catalogue.bug import EQUATIONS, LOCAL_RULE, Bug, LocalRule
from verifier.documents.json import to_json
from verifier.examples.gallery import GALLERY
from verifier.examples.gallery.entry import LibraryRun
from verifier.examples.gallery.rows import GalleryRow, gallery_rows
from verifier.examples.gallery.submissions import stored_file
from verifier.examples.layers import LAYER_EXAMPLES, example_document
from verifier.exporters.page import network_picture, network_text
from verifier.pipeline.inspection import inspect
from verifier.report.formulas import formulas_of, latex
from verifier.report.wording import declared_loss, heading

INDEX = "README.md"

Coincidences = Mapping[str, Mapping[str, tuple[str, ...]]]

_WIDTH = 110
_SPACE_IN_CODE = "\N{NO-BREAK SPACE}"
_ABOUT = {
    "loss": "the loss and its scale",
    "output_delta": "the output layer's δ",
    "hidden_delta": "a hidden layer's δ",
    "weight_gradient": "a layer's weight gradient",
    "bias_gradient": "a layer's bias gradient",
    "penalty": "the penalty's part of the gradient",
    "numbers": "the numbers themselves",
    LOCAL_RULE: "one use of a value, in graphs alone",
}
_SYMBOLS = (
    r"Layer $l$ computes $a_l = z_{l-1} W_l + b_l$ and $z_l = g(a_l)$. "
    r"$\delta_l$ is $\partial R / \partial a_l$, $L$ is the last layer, $N$ the number of examples and $C$ "
    r"the number of outputs. $\circ$ multiplies entry by entry. "
    "A prime marks a wrong quantity, except in $g'$, the derivative of $g$."
)
_SYMBOLS_OF_GRAPHS = (
    r"In a graph, $\bar{v}$ is the gradient of the loss by the value $v$. "
    r"The node $u$ uses $v$, and $\bar{u}$ is its gradient."
)


def pages(bugs: Collection[Bug], coincidences: Coincidences) -> dict[str, str]:
    """Return the text of each page by file name: one for each bug, and the index.

    coincidences: by bug, the bugs that give the same gradients, each with the problems where they do.
    """
    bug_pages = {f"{bug.id}.md": _joined(_page(bug, coincidences.get(bug.id, {}))) for bug in bugs}
    pictures = {f"{equation}.svg": equation_picture(equation) for equation in EQUATIONS}
    return {INDEX: _joined(_index(bugs)), **bug_pages, **pictures}


def _joined(paragraphs: Iterator[str]) -> str:
    return "\n\n".join(paragraphs) + "\n"


def _index(bugs: Collection[Bug]) -> Iterator[str]:
    yield "# The catalogue of backpropagation bugs"
    yield _wrapped(
        f"The catalogue has {len(bugs)} mistakes, each with an id and a page, ordered by the wrong equation. "
        "`gradjury check` names them in the [diagnosis](../diagnosis.md) of a report. `gradjury inspect` "
        "lists the ones that [a problem would reveal](../inspect.md). `make docs` generates these pages."
    )
    yield _wrapped(_SYMBOLS)
    for equation in EQUATIONS:
        rows = [
            f"| [`{bug.id}`]({bug.id}.md) | {bug.words.title} |" for bug in bugs if bug.equation == equation
        ]
        yield f"## `{equation}`: {_ABOUT[equation]}"
        yield "\n".join(["| id | mistake |", "|---|---|", *rows])
    yield "## In graphs"
    yield _wrapped(
        "In [graphs](../graphs.md#which-rule-was-broken), these are tried at every use of a value. Most of "
        "them also occur in layers and have one page for both."
    )
    yield "\n".join(
        [
            "| id | mistake in a graph |",
            "|---|---|",
            *(f"| [`{bug}`]({bug}.md) | {rule.title} |" for bug, rule in LOCAL_RULES.items()),
        ]
    )
    yield "## Earlier ids"
    yield _wrapped("Rules of graphs had other ids in earlier releases. They are still accepted:")
    yield "\n".join(
        [
            "| earlier id | id now |",
            "|---|---|",
            *(
                f"| `{alias}` | {', '.join(f'[`{bug}`]({bug}.md)' for bug in bugs)} |"
                for alias, bugs in ALIASES.items()
            ),
        ]
    )


def _page(bug: Bug, coincident: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    words = bug.words
    yield f"# {words.title}"
    yield f"`{bug.id}`, a mistake of `{bug.equation}`: {_ABOUT[bug.equation]}. [All bugs]({INDEX})"
    yield from _formulas(words.right, words.wrong)
    yield _wrapped(_SYMBOLS_OF_GRAPHS if bug.equation == LOCAL_RULE else _SYMBOLS)
    yield f"![{equation_text(bug.equation)}]({bug.equation}.svg)"
    yield "## Where it is in the code"
    yield "This code is correct. The mistake belongs to the line that is marked `# here`."
    yield f"```python\n{equation_code(bug.equation)}\n```"
    for section, text in (
        ("What it looks like", words.looks_like),
        ("Why it happens", words.why),
        ("How to see it in your own code", words.see),
        ("The fix", words.fix),
        ("The hint in a report", _hint(bug)),
    ):
        yield f"## {section}"
        yield _wrapped(text)
    yield "## Where it is tried"
    yield _wrapped(_sought(bug))
    if bug.id in LOCAL_RULES and bug.equation != LOCAL_RULE:
        yield from _in_graphs(bug, LOCAL_RULES[bug.id])
    if coincident:
        yield "## What gives the same numbers"
        yield _wrapped(
            "In the named example, these mistakes give the same numbers in some place or form, whatever the "
            "parameters are. `gradjury inspect` finds them for any problem."
        )
        yield "\n".join(
            f"- [`{other}`]({other}.md): {', '.join(f'`{problem}`' for problem in problems)}"
            for other, problems in coincident.items()
        )
    if words.seen_in:
        yield "## Where it was seen"
        yield "\n".join(f"- {place}" for place in words.seen_in)


def _formulas(right: str, wrong: str) -> Iterator[str]:
    yield f"Right:\n\n$$\n{latex(right)}\n$$"
    yield f"Used:\n\n$$\n{latex(wrong)}\n$$"


def _hint(bug: Bug) -> str:
    return bug.general_hint if bug.equation == LOCAL_RULE else bug.words.hint.format(place="layer l")


def _in_graphs(bug: Bug, rule: LocalRule) -> Iterator[str]:
    """Yield the section about a bug of layers in graphs."""
    yield "## In a graph"
    title = "" if rule.title == bug.words.title else f" A report calls it “{rule.title}”."
    yield _wrapped(f"In [graphs](../graphs.md) it is tried at every use of a value.{title}")
    yield from _formulas(rule.right, rule.wrong)
    yield _wrapped(_SYMBOLS_OF_GRAPHS)
    if rule.hint != bug.words.hint:
        yield _wrapped(f"The hint: {rule.general_hint}")
    if rule.aliases:
        aliases = ", ".join(f"`{alias}`" for alias in rule.aliases)
        yield _wrapped(f"Earlier id in graphs, still accepted: {aliases}.")


def _sought(bug: Bug) -> str:
    """Return a sentence that lists the forms of a bug that the search tries."""
    if bug.equation == LOCAL_RULE:
        return "In graphs, at every use of a value. Layers have no form of it."
    ways = [f"in place of {_ABOUT[equation]} (`{equation}`)" for equation in bug.replaces]
    if bug.factors is not None:
        ways.append("as a factor of one of the values that this problem gives it")
    if bug.any_factor:
        ways.append("as any other factor, of everything or of a single gradient")
    if bug.penalties is not None:
        ways.append("as what was taken for the declared penalties")
    if bug.changes is not None:
        ways.append("as a change of the finished gradients")
    if ways:
        return f"{ways[0][0].upper()}{'; '.join(ways)[1:]}."
    return "It cannot be made on purpose, so `gradjury inspect` leaves it out."


def _wrapped(text: str) -> str:
    """Return wrapped text without breaks inside `code`: a line could start with Markdown syntax."""
    pieces = text.split("`")
    pieces[1::2] = [code.replace(" ", _SPACE_IN_CODE) for code in pieces[1::2]]
    text = re.sub(r"\$[^$]+\$", lambda formula: formula[0].replace(" ", _SPACE_IN_CODE), "`".join(pieces))
    lines = textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return lines.replace(_SPACE_IN_CODE, " ")


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


TABLE = "gallery.jsonl"  # not .json: `gradjury check examples/gallery` takes those for submissions
_HEAD = f"""# The gallery

This page shows mistakes in real libraries and books. If an entry names a release, that release computed the
gradients. Otherwise the mistake was made again from its description. The diagnoses are computed, and a test
compares them with the sources. Each `.json` file is a submission, and `gradjury check examples/gallery`
judges them all. [`{TABLE}`]({TABLE}) has the same table for programs. `make docs` generates these files.
"""


def gallery_pages() -> dict[str, str]:
    """Return the text of every file by name: a submission per entry, README.md and the JSON Lines table."""
    rows = list(gallery_rows())
    return {
        "README.md": "\n".join(_readme(rows)) + "\n",
        TABLE: "".join(f"{to_json(record(row))}\n" for row in rows),
        **{f"{row.name}.json": f"{to_json(row.submission)}\n" for row in rows},
        **{f"{row.name}.svg": network_picture(row.report) for row in rows},
    }


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
                **({"layers": list(diagnosis.layers)} if diagnosis.layers else {}),
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
    yield f"![{network_text(row.report)}]({row.name}.svg)\n"
    yield f"- source: [{citation.title}]({citation.url}), {citation.year}"
    if row.release:
        yield f"- computed by: {row.release}"
    yield f"- declared loss: {declared_loss(row.report)}"
    yield f"- submission: [`{row.name}.json`]({row.name}.json)"
    for diagnosis in row.report.diagnosis:
        yield f"- GradJury: **{heading(diagnosis)}**. {diagnosis.explanation}"
        if diagnosis.also_consistent:
            yield f"  Cannot be told apart here from: {', '.join(diagnosis.also_consistent)}."
        if diagnosis.right:
            right, used = map(latex, formulas_of(diagnosis, row.report.network))
            yield f"  Right: ${right}$. Used: ${used}$."
    yield f"- reproduce: `{row.command}`"
    yield f"\n{'The run' if row.release else 'The mistake, made again'}:\n"
    yield f"```python\n{row.entry.code}\n```"


def write_pages() -> None:
    writers = {"bugs": bug_pages, "gallery": gallery_pages}
    parser = argparse.ArgumentParser(description="Write the pages of the catalogue, or those of the gallery.")
    parser.add_argument(
        "folder", type=Path, help="docs/bugs or examples/gallery; its last name says which pages"
    )
    parser.add_argument("--live", action="store_true", help="first ask libraries again for what they compute")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    if folder.name not in writers:
        parser.error(f"{folder}: the last name must be one of {', '.join(writers)}")
    if arguments.live and folder.name == "gallery":
        for entry in GALLERY.values():
            if isinstance(entry.made, LibraryRun):
                stored_file(entry.name).write_text(f"{to_json(entry.made.compute())}\n", encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in writers[folder.name]().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_pages()
