"""The errors of the graph package; all of them are ValueErrors.

GraphError
├── WiringError             an operation lacks operands, has too many, or is connected twice
│   └── CycleError          a value is needed for its own computation
├── DuplicateNameError      several nodes have one name
├── UnknownNodeError        the graph does not contain a name or node
├── FeedError               values for leaves are missing, unknown, given twice or of the wrong shape
├── OperandError            an operation cannot compute with these values
├── NotRunError             no sweep has computed this value or gradient yet
├── NotScalarError          the output to be differentiated is not one number
└── BrokenBackwardError     an operation's backward does not return one gradient an operand
"""

from collections.abc import Collection
from itertools import islice

NAMES_LISTED = 10
"""The largest number of names in one message."""


def listed(names: Collection[str]) -> str:
    """Return the names joined for a message; those beyond the first `NAMES_LISTED` are only counted."""
    shown = ", ".join(islice(names, NAMES_LISTED))
    return shown if len(names) <= NAMES_LISTED else f"{shown} and {len(names) - NAMES_LISTED} more"


class GraphError(ValueError):
    """A rule of graphs is broken; the message names the value and the remedy."""


class WiringError(GraphError):
    """Operands are missing, too many, or set twice."""


class CycleError(WiringError):
    """The graph has a cycle; the message lists its nodes, each feeding the next."""


class DuplicateNameError(GraphError):
    """Several nodes of one graph have the same name."""


class UnknownNodeError(GraphError):
    """A name or node is not part of the graph."""


class FeedError(GraphError):
    """The values given to a graph's leaves are wrong; the message lists every mistake."""


class OperandError(GraphError):
    """An operation cannot take these values."""


class NotRunError(GraphError):
    """A result is read before the sweep that computes it."""


class NotScalarError(GraphError):
    """The output has several entries, so it has no gradient."""


class BrokenBackwardError(GraphError):
    """An operation's backward returns the wrong number or shapes of gradients."""
