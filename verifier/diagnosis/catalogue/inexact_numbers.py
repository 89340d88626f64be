"""Right but for noise in all numbers."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts

BUG = Bug(
    "inexact-numbers",
    "numbers",
    BugTexts(
        title="Right but for noise in all numbers",
        right="∂R/∂W_l, with all its digits",
        wrong="(∂R/∂W_l)′ = ∂R/∂W_l with an error in the same digit of all numbers",
        explanation=(
            "The submitted gradient for {place} is right but for small errors in all numbers{noise}."
        ),
        for_students=(
            "The gradient of {place} is right in its leading digits, and has small errors in all numbers."
        ),
        hint=(
            "Does a small constant stand in a quotient or a logarithm, were weights or inputs printed with "
            "few digits, or was the gradient of {place} taken from a weight update?"
        ),
        looks_like=(
            "All entries are off in about the same digit, and no single layer or equation shows it first."
        ),
        why=(
            '`(p - y) / (p * (1 - p) + 1e-7)` avoids a division by 0, `np.savetxt(f, W, fmt="%.6f")` saves '
            "other weights than the program had, and `(W_before - W_after) / lr` has the rounding error of W "
            "divided by the learning rate."
        ),
        see=(
            "Change the epsilon by a factor of 10, or save all digits, and compare: the errors change with "
            "it."
        ),
        fix=(
            "Use the formula without a quotient (`p - y`), save all digits with `np.savez`, and hand in what "
            "the backward pass returns."
        ),
    ),
)
