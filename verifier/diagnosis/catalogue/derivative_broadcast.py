"""The activation's derivative is broadcast along the wrong axis."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import derivative_broadcast

BUG = Bug(
    "derivative-broadcast",
    "hidden_delta",
    BugTexts(
        title="The derivative is broadcast along the wrong axis",
        right="δ_l[n, j] = (δ_{l+1} W_{l+1}ᵀ)[n, j] · g′(a_l[n, j])",
        wrong="δ_l′[n, j] = (δ_{l+1} W_{l+1}ᵀ)[n, j] · g′(a_l[j, n]), or g′(a_l[n, 0]), or g′(a_l[0, j])",
        explanation=(
            "In {place} the gradient from above was not multiplied by the derivative of the same example and "
            "unit. In place of the derivative, the program took {used}."
        ),
        for_students=(
            "In {place} the gradient from above was not multiplied by the derivative of the same example and "
            "unit, but along another axis."
        ),
        hint=(
            "Which shapes have the two factors in {place}, and which entry of one meets which entry of the "
            "other?"
        ),
        looks_like=(
            "The layers above are right, this one and all below are wrong. With one example and one unit it "
            "cannot be seen, and numpy reports no error."
        ),
        why=(
            "The derivative was stored as a column or a row, or transposed for columns of examples, and "
            "broadcasting made the shapes fit."
        ),
        see="Take a batch whose size is not the number of units, and print the shapes of both factors.",
        fix="`assert slope.shape == upstream.shape` before `delta = upstream * slope`.",
    ),
    replaces={"hidden_delta": derivative_broadcast},
)
