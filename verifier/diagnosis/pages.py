"""Write the catalogue of bugs as Markdown pages, one for each bug, and an index."""

import textwrap
from collections.abc import Collection, Iterator, Mapping

from verifier.diagnosis.bug import EQUATIONS, Bug

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
}
_SYMBOLS = (
    "Layer l computes a_l = z_{l−1} W_l + b_l and z_l = g(a_l); δ_l = ∂R/∂a_l; L is the last layer, N the "
    "number of examples, C that of outputs; ∘ multiplies entry by entry. A prime marks what is wrong, but in "
    "g′, which is the derivative of g."
)


def pages(bugs: Collection[Bug], coincidences: Coincidences) -> dict[str, str]:
    """Return the text of each page by file name: one for each bug, and the index.

    coincidences: by bug, the bugs that give the same gradients, each with the problems where they do.
    """
    bug_pages = {f"{bug.id}.md": _joined(_page(bug, coincidences.get(bug.id, {}))) for bug in bugs}
    return {INDEX: _joined(_index(bugs)), **bug_pages}


def _joined(paragraphs: Iterator[str]) -> str:
    return "\n\n".join(paragraphs) + "\n"


def _index(bugs: Collection[Bug]) -> Iterator[str]:
    yield "# The catalogue of backpropagation bugs"
    yield _wrapped(
        f"{len(bugs)} ids, a page each, by the equation that is wrong. `gradjury check` names them in a "
        "report's `diagnosis` ([how](../diagnosis.md)); `gradjury inspect` says which of them a problem "
        "would catch ([how](../inspect.md)). These pages are generated: `make docs`."
    )
    yield _wrapped(_SYMBOLS)
    for equation in EQUATIONS:
        rows = [
            f"| [`{bug.id}`]({bug.id}.md) | {bug.words.title} |" for bug in bugs if bug.equation == equation
        ]
        yield f"## `{equation}`: {_ABOUT[equation]}"
        yield "\n".join(["| id | mistake |", "|---|---|", *rows])


def _page(bug: Bug, coincident: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    words = bug.words
    yield f"# {words.title}"
    yield f"`{bug.id}`, a mistake of `{bug.equation}`: {_ABOUT[bug.equation]}. [All bugs]({INDEX})"
    yield f"```\nright: {words.right}\nused:  {words.wrong}\n```"
    yield _wrapped(_SYMBOLS)
    for heading, text in (
        ("What it looks like", words.looks_like),
        ("Why it happens", words.why),
        ("How to see it in your own code", words.see),
        ("The fix", words.fix),
        ("The hint that a report gives", words.hint.format(place="layer l")),
    ):
        yield f"## {heading}"
        yield _wrapped(text)
    yield "## Where it is sought"
    yield _wrapped(_sought(bug))
    if coincident:
        yield "## What gives the same numbers"
        yield _wrapped(
            "Whatever the numbers, in some place or form of a network shaped like the named example, so that "
            "nobody could tell them apart there (`gradjury inspect` says it of any problem):"
        )
        yield "\n".join(
            f"- [`{other}`]({other}.md): {', '.join(f'`{problem}`' for problem in problems)}"
            for other, problems in coincident.items()
        )
    if words.seen_in:
        yield "## Where it was seen"
        yield "\n".join(f"- {place}" for place in words.seen_in)


def _sought(bug: Bug) -> str:
    """Return a sentence that lists the forms of a bug that the search tries."""
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
    return "It shows in the numbers alone and cannot be made on purpose, so `gradjury inspect` leaves it out."


def _wrapped(text: str) -> str:
    """Return wrapped text without breaks inside `code`: a line could start with Markdown syntax."""
    pieces = text.split("`")
    pieces[1::2] = [code.replace(" ", _SPACE_IN_CODE) for code in pieces[1::2]]
    lines = textwrap.fill("`".join(pieces), _WIDTH, break_long_words=False, break_on_hyphens=False)
    return lines.replace(_SPACE_IN_CODE, " ")
