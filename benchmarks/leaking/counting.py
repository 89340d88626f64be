"""How many different documents a level can give to one submission, counted from what a document may say.

What depends on the submission and the published problem alone (missing parameters, the precision, warnings)
tells nothing of the hidden gradient and is not counted.
"""

from math import log2

from verifier.allowed import Allowed
from verifier.diagnosis.bugs import BUGS

VERDICTS = 3  # correct, incorrect, undecided; who leaves a parameter out knows that it is missing
EQUATIONS_OF_LAYER = 3  # δ, weight gradient, bias gradient
EQUATIONS_OF_WHOLE = 3  # loss, penalty, numbers
SIGNS = 2  # beside another factor, a sign


def bound(allowed: Allowed | None, layers: int, parameters: int) -> float:
    """Give bits that one submission can tell at most."""
    if allowed is None:
        return 0.0
    bits = (parameters if allowed.parameters else 1) * log2(VERDICTS)
    slots = EQUATIONS_OF_LAYER * layers + EQUATIONS_OF_WHOLE
    if not (allowed.layer or allowed.hint or allowed.bug):
        return bits
    named = len(BUGS) - 1 if allowed.hint or allowed.bug else 1  # without `unexplained`
    places = 2 if allowed.layer else 1  # the layer itself, or the whole network
    unnamed = 1 if allowed.parameters else 1 + EQUATIONS_OF_LAYER * layers
    return bits + log2((1 + SIGNS * places * named) ** slots + unnamed)
