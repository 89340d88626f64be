"""The biases are penalised as well."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.penalties import (
    in_each_parameter,
    on_biases_of_layer,
    penalty_on_biases,
)

BUG = Bug(
    "penalty-on-biases",
    "penalty",
    BugTexts(
        title="The biases are penalised as well",
        right="∂R/∂b_l = Σₙ δ_{l,n}",
        wrong="(∂R/∂b_l)′ = Σₙ δ_{l,n} + ∂Ω(b_l)/∂b_l",
        explanation=(
            "The penalty's part was added to the bias gradient of {place} too. The declared loss "
            "penalises the weights only."
        ),
        hint=(
            "Which parameters does the declared penalty sum over, and which gradients of {place} does "
            "your code add its part to?"
        ),
        looks_like=(
            "All weight gradients are right, and submitted minus expected is a multiple of the biases "
            "(l2) or of their signs (l1). Biases of 0, as they are at the beginning of training, hide "
            "it."
        ),
        why=(
            "One loop over all parameters adds `lam * p`. Or weights and biases are one matrix with a "
            "column of ones, and the whole matrix is penalised."
        ),
        see=(
            "Check the gradient with biases that are not 0, such as random ones. Then set them to 0: "
            "the error is gone."
        ),
        fix="Add the penalty to dW only: `dW += lam * W`, and leave `db = delta.sum(axis=0)`.",
        seen_in=("DeepLearnToolbox#32",),
    ),
    penalties=penalty_on_biases,
    replaces=in_each_parameter(None, on_biases_of_layer),
)
