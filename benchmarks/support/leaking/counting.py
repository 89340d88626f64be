"""Count the different reports that are possible for one submission, as a bound on the information.

Content that depends only on the submission and the published problem (missing parameters, precision,
warnings) carries no information about the hidden gradient and is not counted.
"""

from math import log2

from verifier.diagnosis.catalogue import BUGS
from verifier.report.assignment import StudentVisibility

VERDICTS = 3  # correct, incorrect, undecided; a missing parameter is known to the student
EQUATIONS_OF_LAYER = 3  # δ, weight gradient, bias gradient
EQUATIONS_OF_WHOLE = 3  # loss, penalty, numbers
SIGNS = 2  # a bug may be combined with a flipped sign


def bound(visibility: StudentVisibility | None, layers: int, parameters: int) -> float:
    """Return an upper bound on the information in the report on one submission, in bits."""
    if visibility is None:
        return 0.0
    bits = (parameters if visibility.parameters else 1) * log2(VERDICTS)
    slots = EQUATIONS_OF_LAYER * layers + EQUATIONS_OF_WHOLE
    if not (visibility.layer or visibility.hint or visibility.bug):
        return bits
    named = len(BUGS) - 1 if visibility.hint or visibility.bug else 1  # without `unexplained`
    places = 2 if visibility.layer else 1  # the layer itself, or the whole network
    unnamed = 1 if visibility.parameters else 1 + EQUATIONS_OF_LAYER * layers
    return bits + log2((1 + SIGNS * places * named) ** slots + unnamed)
