"""Everything is multiplied by a constant."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts

BUG = Bug(
    "constant-factor",
    "loss",
    BugTexts(
        title="Everything is multiplied by a constant",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l",
        wrong="(∂R/∂W_l)′ = c · z_{l−1}ᵀ δ_l",
        explanation=(
            "The submitted gradient for {place} is {factor} times the right one. The direction "
            "is right, but a constant has come in or has been left out, such as a learning rate or a "
            "factor of the loss."
        ),
        for_students=(
            "In {place} the direction is right, but a constant has come in or has been left out, such as a "
            "learning rate or a factor of the loss."
        ),
        hint=(
            "Which constants stand in the declared loss, and which ones does your code use on the way "
            "to the gradient of {place}?"
        ),
        looks_like=(
            "The ratio is one constant that is neither 2 nor N nor C, and the cosine is 1. It may be "
            "the whole gradient or one parameter only."
        ),
        why=(
            "What was returned is the update step and not the gradient: `dW = rate * z.T @ delta`, or "
            "the velocity of momentum, `(1 - beta) * dW`."
        ),
        see=(
            "Set the learning rate to 1 and momentum to 0, or double the rate, and compute the gradient "
            "again. A gradient does not depend on either."
        ),
        fix="Return `dW = z.T @ delta` and multiply by the rate only in the update, `W -= rate * dW`.",
        seen_in=("Andrew-Ng-Deep-Learning-notes#10",),
    ),
    any_factor=True,
)
