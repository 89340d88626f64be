"""The penalty meets the gradient, not W."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.penalties import (
    gradient_scaled,
    gradient_scaled_in_layer,
    in_each_parameter,
)

BUG = Bug(
    "penalty-of-gradient",
    "penalty",
    BugTexts(
        title="The penalty meets the gradient, not W",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l + λ W_l (for Ω = ½λ Σ w²)",
        wrong="(∂R/∂W_l)′ = (1 + λ) · z_{l−1}ᵀ δ_l",
        explanation=(
            "The submitted gradient for {place} is {factor} times the data's part, and the "
            "weights do not appear in it. The strength of the penalty was multiplied by the gradient "
            "where it should have been multiplied by the weights."
        ),
        for_students=(
            "In the gradient of {place} the strength of the penalty was multiplied by the gradient where it "
            "should have been multiplied by the weights."
        ),
        hint=(
            "Which array does the penalty's strength multiply in {place}, and by what is the penalty "
            "differentiated?"
        ),
        looks_like=(
            "After the penalty's right part is left out, the gradient has one ratio a little above 1, "
            "the strength added to 1, and cosine 1. It looks like a constant factor. With a strength of "
            "0 it cannot be seen."
        ),
        why=(
            "In `dW += lam * dW` a name is wrong by one letter. The shapes fit, and the training looks "
            "the same as with a slightly larger learning rate."
        ),
        see=(
            "Set the inputs to 0, so that the data's part of the first layer's weight gradient is 0: "
            "what remains must be the penalty's part, and here it is 0."
        ),
        fix="For Ω = ½λ Σ w²: `dW = z_below.T @ delta + lam * W`.",
        seen_in=("trekhleb (HEAD)",),
    ),
    penalties=gradient_scaled,
    replaces=in_each_parameter(gradient_scaled_in_layer, gradient_scaled_in_layer),
)
