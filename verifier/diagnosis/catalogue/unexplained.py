"""Wrong, by no known mistake."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule

BUG = Bug(
    "unexplained",
    "numbers",
    BugTexts(
        title="Wrong, by no known mistake",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l), ∂R/∂W_l = z_{l−1}ᵀ δ_l, ∂R/∂b_l = Σₙ δ_{l,n}",
        wrong="none of the known mistakes gives these numbers",
        explanation=(
            "The submitted gradient is wrong, and the error starts in {place}. No mistake of the catalogue "
            "gives these numbers. It may be a new mistake, or several together."
        ),
        hint=("Check the four equations for {place} with one example. Which is the first that fails?"),
        looks_like=(
            "Neither one factor nor one changed equation reproduces the numbers. Layers above the named "
            "one are right, and those below may only inherit the error."
        ),
        why=(
            "Several mistakes in one layer, a mistake that nobody has described yet, other data than "
            "declared, or numbers of another run."
        ),
        see=(
            "Take one example and layers of two units, and compute the gradient by hand or with another "
            "program. Compare δ layer by layer, from the output down."
        ),
        fix=(
            "Write the recursion anew from the four equations, one line each, and check each layer "
            "before going on to the next."
        ),
    ),
    local_rule=LocalRule(
        title="No known wrong rule gives these numbers",
        explanation=(
            "The gradient of {place} is wrong. The submitted gradients between it and the output do not "
            "explain the error."
        ),
        hint="Write down which nodes use {place}, and what each hands back.",
    ),
)
