"""Findings about an operation, and their texts, one row per kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Finding:
    """One error of an operation.

    code: id of the kind or of the wrong local rule, if one explains the error. Codes are stable.
    kind: id in `SEEN`.
    place: `forward`, `backward`, or the argument whose gradient is wrong.
    also: other rules that return the same numbers.
    """

    code: str
    kind: str
    place: str
    explanation: str
    hint: str
    right: str = ""
    wrong: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """Texts of one kind of finding, with the fields {place} and others that depend on the kind."""

    kind: str
    explanation: str
    hint: str


SEEN: Mapping[str, Seen] = MappingProxyType(
    {
        row.kind: row
        for row in (
            Seen("raises", "{place} raises {error}{line}.", "What does that line need that it is not given?"),
            Seen(
                "no-value",
                "forward gives {found}, where the value is an array of numbers.",
                "Does forward end in return?",
            ),
            Seen(
                "forward-shape",
                "forward gives shape {found}, where {like} gives {expected}.",
                "Which axes does the value have?",
            ),
            Seen(
                "forward-value",
                "forward gives {found} at {index}, where {like} gives {expected}.",
                "Compute the smallest input below by hand.",
            ),
            Seen(
                "gradient-count",
                "backward gives {found}, where forward took {expected}.",
                "backward returns one gradient for each argument of forward, in their order.",
            ),
            Seen(
                "gradient-missing",
                "the gradient of {place} is None.",
                "Does {place} change the value? Then it has a gradient.",
            ),
            Seen(
                "gradient-not-numbers",
                "the gradient of {place} is {found}, where an array of real numbers is asked for.",
                "Return arrays of float64.",
            ),
            Seen(
                "gradient-shape",
                "the gradient of {place} has shape {found}, where {place} has {expected}.",
                "A gradient has the shape of what it is the gradient of.",
            ),
            Seen(
                "gradient-value",
                "the gradient of {place} is wrong, and no known wrong rule gives its numbers.",
                "Write down the value as a formula, and differentiate it by {place}.",
            ),
            Seen(
                "missing-upstream-gradient",
                "the gradient of {place} is the same whatever gradient of the output backward is given: it "
                "is the operation's own derivative, multiplied by nothing.",
                "By what does the chain rule multiply the derivative by {place}?",
            ),
            Seen(
                "repeated-rows-assigned",
                "a row of {place} that is looked up several times has the gradient of one look-up, not the "
                "sum of all: `found[rows] += …` adds each row once.",
                "What does numpy do with an index that comes twice? See np.add.at.",
            ),
            Seen(
                "argument-changed",
                "{place} changes {found} in place, which belongs to its caller.",
                "Make a new array where the code assigns, or adds with += to, what it was given.",
            ),
            Seen(
                "state-kept",
                "after {found}, the gradient of {place} is another than at a first use: something is kept "
                "from one use to the next.",
                "What does the operation remember of an earlier forward or backward?",
            ),
            Seen(
                "not-repeatable",
                "forward gives other numbers when it is called again with the same.",
                "Draw random numbers once, or from a generator that is given.",
            ),
        )
    }
)


def seen(kind: str, place: str, **words: object) -> Finding:
    """Return a finding with its texts. words: values of the fields of the texts."""
    row = SEEN[kind]
    sentence = row.explanation.format(place=place, **words)
    return Finding(
        kind, kind, place, sentence[0].upper() + sentence[1:], row.hint.format(place=place, **words)
    )
