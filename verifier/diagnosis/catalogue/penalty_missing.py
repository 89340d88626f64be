"""The penalty's part is left out."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.penalties import in_each_parameter, missing_in_layer, penalty_missing

BUG = Bug(
    "penalty-missing",
    "penalty",
    BugTexts(
        title="The penalty's part is left out",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l + ∂Ω/∂W_l, with Ω the penalty",
        wrong="(∂R/∂W_l)′ = z_{l−1}ᵀ δ_l",
        explanation=(
            "The declared loss has a penalty on the weights, but its derivative was not added to the "
            "gradient of {place}. The submitted gradient is that of the data's part alone."
        ),
        hint=(
            "The loss is a sum of several terms: does each of them have its part in the gradient of {place}?"
        ),
        looks_like=(
            "Submitted minus expected is a multiple of the weights for l2, and of their signs for l1. "
            "Biases are right unless they are penalised too. With small weights or a weak penalty a "
            "loose tolerance passes it."
        ),
        why=(
            "The penalty was added to the loss that is printed, and the backward pass begins at δ, "
            "where the penalty is not to be seen."
        ),
        see=(
            "Make the penalty a thousand times stronger: the right gradient becomes nearly proportional "
            "to W (l2), and this one does not change at all."
        ),
        fix="For Ω = ½λ Σ w²: `dW = z_below.T @ delta + lam * W`.",
        seen_in=("opennn#241",),
    ),
    penalties=penalty_missing,
    replaces=in_each_parameter(missing_in_layer, None),
)
