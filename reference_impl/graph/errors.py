"""Everything that can be wrong with a graph, or with how it is asked.

GraphError
├── WiringError             an operation lacks operands, has too many, or is connected twice
│   └── CycleError          a value would be needed for its own computation
├── DuplicateNameError      one name, several nodes
├── UnknownNodeError        a name or node that the graph does not contain
├── FeedError               values for leaves that are missing, unknown, given twice or of the wrong shape
├── OperandError            values that an operation cannot compute with
├── NotRunError             a value or gradient that no sweep has computed yet
├── NotScalarError          a gradient is asked of an output that is not one number
└── BrokenBackwardError     an operation's backward does not return one gradient an operand
"""

from collections.abc import Collection
from itertools import islice

NAMES_LISTED = 10
"""As many names as a reader of a message will look at."""


def listed(names: Collection[str]) -> str:
    """Join names for a message, and only count those beyond the first few."""
    shown = ", ".join(islice(names, NAMES_LISTED))
    return shown if len(names) <= NAMES_LISTED else f"{shown} and {len(names) - NAMES_LISTED} more"


class GraphError(ValueError):
    """Say which value broke which rule, and what to do about it."""


class WiringError(GraphError):
    """Report operands that were not given, or given where they cannot be."""


class CycleError(WiringError):
    """Report one cycle, each node feeding the next one."""


class DuplicateNameError(GraphError):
    """Report names that several nodes of one graph were given."""


class UnknownNodeError(GraphError):
    """Report a name or node that is not part of the graph."""


class FeedError(GraphError):
    """Report, all at once, everything wrong with the values given to a graph's leaves."""


class OperandError(GraphError):
    """Report values that an operation cannot take."""


class NotRunError(GraphError):
    """Report a result asked for before the sweep that computes it."""


class NotScalarError(GraphError):
    """Report an output with several entries, of which no one derivative exists."""


class BrokenBackwardError(GraphError):
    """Report an operation whose backward breaks its contract."""
