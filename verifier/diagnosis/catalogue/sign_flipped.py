"""The gradient has the wrong sign."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.loss_factors import minus_one
from verifier.diagnosis.catalogue.rules.uses import opposite_sign

BUG = Bug(
    "sign-flipped",
    "loss",
    BugTexts(
        title="The gradient has the wrong sign",
        right="∂R/∂f = f − y (squared error with ½, one example)",
        wrong="(∂R/∂W_l)′ = −∂R/∂W_l",
        explanation=(
            "The submitted gradient for {place} is the right one with the opposite sign. It is "
            "the direction in which the loss falls, while the gradient is the one in which it rises."
        ),
        hint=(
            "Take one small step along the gradient of {place}: does the loss go the way that a "
            "gradient should make it go?"
        ),
        looks_like=(
            "The ratio is −1 and the cosine is −1. Everything is right but for the sign, so the sizes "
            "look perfect."
        ),
        why=(
            "The error was written as `y - f`, and the update as `W += rate * dW`. Both signs cancel, "
            "training works, and only a gradient check shows it."
        ),
        see="Compute the loss at `W` and at `W + 1e-4 * dW`. With a gradient the loss must go up.",
        fix="`delta = f - y`, and subtract in the update: `W -= rate * dW`.",
        seen_in=("Grokking-Deep-Learning#37",),
    ),
    factors=minus_one,
    local_rule=LocalRule(
        candidates=opposite_sign,
        right="v̄ = ū · ∂u/∂v",
        wrong="v̄′ = −ū · ∂u/∂v",
        explanation="What comes back through {use} has the opposite sign in the gradient of {place}.",
        aliases=("wrong-sign",),
    ),
)
