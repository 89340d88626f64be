"""The pre-activation is used as input."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import preactivation_as_input

BUG = Bug(
    "preactivation-as-input",
    "weight_gradient",
    BugTexts(
        title="The pre-activation is used as input",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l",
        wrong="(∂R/∂W_l)′ = a_{l−1}ᵀ δ_l",
        explanation=(
            "For the weight gradient of {place}, the pre-activations a of the layer below were used. "
            "The weights were multiplied by its activations z = g(a)."
        ),
        hint=(
            "Which array were the weights of {place} multiplied by in the forward pass: the one before "
            "or the one after the activation below?"
        ),
        looks_like=(
            "One weight gradient is wrong; its bias gradient and all layers below are right, so δ is "
            "right. The first layer cannot have it. A linear layer below hides it, and so does relu "
            "where all its units are active."
        ),
        why=(
            "The forward pass stores both lists, `a_list` and `z_list`, under names that differ from "
            "book to book, and the wrong one was taken."
        ),
        see=(
            "With relu below, look at a unit that is inactive for all examples: its row of the weight "
            "gradient must be 0. With tanh below, make its weights ten times as large; the gradient "
            "must not grow like them."
        ),
        fix="`dW = z_below.T @ delta` with `z_below = g(a_below)`.",
    ),
    replaces={"weight_gradient": preactivation_as_input},
)
