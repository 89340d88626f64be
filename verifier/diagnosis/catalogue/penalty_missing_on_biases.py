"""The penalty on biases is left out."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.penalties import (
    in_each_parameter,
    missing_on_biases,
    missing_on_biases_of_layer,
)

BUG = Bug(
    "penalty-missing-on-biases",
    "penalty",
    BugTexts(
        title="The penalty on biases is left out",
        right="∂R/∂b_l = Σₙ δ_{l,n} + ∂Ω/∂b_l, where Ω includes the biases",
        wrong="(∂R/∂b_l)′ = Σₙ δ_{l,n}",
        explanation=(
            "The declared penalty includes the biases, but its part was not added to the bias gradient "
            "of {place}. The weights have it."
        ),
        hint=(
            "Which parameters does the declared penalty sum over, and does each of them have its part "
            "in the gradient of {place}?"
        ),
        looks_like=(
            "All weight gradients are right, and expected minus submitted is a multiple of the biases "
            "(l2) or of their signs (l1). Biases of 0, as they are at the beginning of training, hide "
            "it."
        ),
        why=(
            "It is usual to penalise weights only, and the gradient was written from habit while the "
            "loss sums over all parameters."
        ),
        see=(
            "Check the gradient with biases that are not 0, such as random ones. Then set them to 0: "
            "the error is gone."
        ),
        fix="For Ω = ½λ (Σ w² + Σ b²): `db = delta.sum(axis=0) + lam * b`.",
        seen_in=("Burton2000/CS231n-2017#9",),
    ),
    penalties=missing_on_biases,
    replaces=in_each_parameter(None, missing_on_biases_of_layer),
)
