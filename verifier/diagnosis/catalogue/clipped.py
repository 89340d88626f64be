"""The gradient has been clipped."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.numbers import clipped

BUG = Bug(
    "clipped",
    "numbers",
    BugTexts(
        title="The gradient has been clipped",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l",
        wrong="(∂R/∂W_l)′ = clip(∂R/∂W_l, −c, c), or ∂R/∂W_l · min(1, c / ‖∂R/∂W_l‖)",
        explanation=(
            "The submitted gradient for {place} was cut down to the threshold {threshold}, "
            "entry by entry or in its norm. A clipped gradient is no longer the gradient of the loss."
        ),
        for_students=(
            "The gradient of {place} was cut down, entry by entry or in its norm. A clipped gradient is no "
            "longer the gradient of the loss."
        ),
        hint="Is what you submitted for {place} the gradient itself, or what an optimiser makes of it?",
        looks_like=(
            "By element: small entries are right and all large ones have the same size. By norm: the "
            "cosine is 1, the ratio is below 1, and the norm is a round number. Where nothing exceeds "
            "the threshold it cannot be seen."
        ),
        why=(
            "`np.clip(dW, -5, 5)` against exploding gradients stands at the end of the backward pass, "
            "and not in the update."
        ),
        see=(
            "Print `np.abs(dW).max()` and `np.linalg.norm(dW)`. If either is a round number for several "
            "batches, it was clipped."
        ),
        fix="Return the gradient as it is, and clip in the update only.",
    ),
    changes=clipped,
)
