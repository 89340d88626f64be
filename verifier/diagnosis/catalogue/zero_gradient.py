"""The gradient is zero everywhere."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.numbers import all_zero
from verifier.diagnosis.catalogue.rules.products import zero_bias, zero_weight
from verifier.diagnosis.catalogue.rules.uses import no_gradient

BUG = Bug(
    "zero-gradient",
    "numbers",
    BugTexts(
        title="The gradient is zero everywhere",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l",
        wrong="(∂R/∂W_l)′ = 0",
        explanation=(
            "Every submitted number of {place} is 0, although the true gradient is not. It "
            "was not computed, or it was lost on its way to the result."
        ),
        hint=(
            "Print the gradient of {place} right after it is computed and again where it is submitted: "
            "are they the same?"
        ),
        looks_like=(
            "All entries are exactly 0, the relative error is 1 and the cosine does not exist. Checkers "
            "with an additive tolerance pass it where the true gradient is small."
        ),
        why=(
            "The arrays were made with zeros and not filled, the gradients were set to zero after the "
            "pass, or a detached copy was differentiated."
        ),
        see=(
            "Move one weight by 0.001 and print the loss before and after. Multiply the loss by 1000 "
            "and check again; zeros stay zeros."
        ),
        fix=(
            "Return what the backward pass computed, and set gradients to zero before the pass and not "
            "after it."
        ),
    ),
    replaces={"weight_gradient": zero_weight, "bias_gradient": zero_bias},
    changes=all_zero,
    local_rule=LocalRule(
        candidates=no_gradient,
        title="No gradient is sent back at all",
        right="v̄ = ū · ∂u/∂v",
        wrong="v̄′ = 0",
        explanation="The gradient of {place} is 0: {use} uses it and sends nothing back.",
        hint="Which line of the backward step of {use} adds to the gradient of {place}, and is it reached?",
    ),
)
