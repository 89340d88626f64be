"""The gradient was cut to whole numbers."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.numbers import truncated

BUG = Bug(
    "integer-truncation",
    "numbers",
    BugTexts(
        title="The gradient was cut to whole numbers",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l, in floating point",
        wrong="(∂R/∂W_l)′ = the whole part of ∂R/∂W_l",
        explanation=(
            "The submitted numbers for {place} are whole numbers. The fractions were lost in "
            "an array of integers."
        ),
        hint=(
            "Print the `dtype` of every array on the way to the gradient of {place}: which of them can "
            "hold the numbers?"
        ),
        looks_like=(
            "All entries are whole numbers, each less than 1 away from the right one, and small entries "
            "are 0. If it happened on the way, the layers below inherit it."
        ),
        why=(
            "`np.zeros_like(W)` of weights typed in as `[[1, 2], [3, 4]]` is an array of integers, and "
            "what is written into it loses its fraction without a warning. `//` in place of `/` does "
            "the same."
        ),
        see=(
            "Print `dW.dtype`. Multiply the loss by 1000: the error becomes about a thousand times "
            "smaller in proportion."
        ),
        fix="`W = np.asarray(W, dtype=float)` at the start, and `/` for division.",
    ),
    changes=truncated,
)
