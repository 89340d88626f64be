"""The bias gradient stays zero."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import zero_bias

BUG = Bug(
    "bias-zero",
    "bias_gradient",
    BugTexts(
        title="The bias gradient stays zero",
        right="∂R/∂b_l = Σₙ δ_{l,n}",
        wrong="(∂R/∂b_l)′ = 0",
        explanation=(
            "The submitted bias gradient for {place} is 0, although the loss does depend on these biases."
        ),
        hint="Where in your code is the bias gradient of {place} computed, and does it reach the result?",
        looks_like=(
            "All weight gradients are right and the bias gradient is 0 in every entry. A checker that "
            "looks at weights only does not see it."
        ),
        why=(
            "The array was made with `np.zeros_like(b)` and never filled, or the result was written to "
            "a local name."
        ),
        see=(
            "Move one bias by 0.001 and print the loss before and after: where it moves, the gradient "
            "is not 0."
        ),
        fix="`db = delta.sum(axis=0)`",
    ),
    replaces={"bias_gradient": zero_bias},
)
