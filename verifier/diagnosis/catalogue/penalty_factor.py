"""The penalty's part has a wrong factor."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.penalties import in_each_parameter, penalty_scaled, scaled_in_layer

BUG = Bug(
    "penalty-factor",
    "penalty",
    BugTexts(
        title="The penalty's part has a wrong factor",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l + ∂Ω/∂W_l, with Ω the penalty",
        wrong="(∂R/∂W_l)′ = z_{l−1}ᵀ δ_l + c · ∂Ω/∂W_l, with c such as 2, ½, N, 1/N or −1",
        explanation=(
            "In the gradient of {place} the part of the penalty is {factor} times what it should be; "
            "the data's part is right. Its ½, its 2, its division by N = {examples} or its sign differs from "
            "the declared loss."
        ),
        for_students=(
            "In the gradient of {place} the data's part is right, and the penalty's part is off by a "
            "factor. Its ½, its 2, its division by N = {examples} or its sign differs from the declared loss."
        ),
        hint=(
            "Write down the declared penalty with all its constants and differentiate it by one weight "
            "of {place}: does your code have the same?"
        ),
        looks_like=(
            "Submitted minus expected is a multiple of the weights for l2, and of their signs for l1. "
            "Biases are right unless they are penalised too. With weights of 0 it cannot be seen."
        ),
        why=(
            "The penalty is λ Σ w² in one text, ½λ Σ w² in another and λ/(2N) Σ w² in a third. Loss and "
            "gradient follow different ones."
        ),
        see=(
            "Set the inputs to 0, so that only the penalty is left in the first layer's weight "
            "gradient, or subtract the gradients at two strengths. Compare what remains with W by hand."
        ),
        fix=(
            "For strength λ and Ω = ½λ Σ w² add `lam * W`, for Ω = λ Σ w² add `2 * lam * W`, and divide "
            "by N only if Ω is."
        ),
        seen_in=("rasbt ch. 12",),
    ),
    penalties=penalty_scaled,
    replaces=in_each_parameter(scaled_in_layer, scaled_in_layer),
)
