"""The layer's input is activated once more."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import activated_input

BUG = Bug(
    "activated-input",
    "weight_gradient",
    BugTexts(
        title="The layer's input is activated once more",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l",
        wrong="(∂R/∂W_l)′ = g(z_{l−1})ᵀ δ_l",
        explanation=(
            "For the weight gradient of {place}, the layer's input was put through {used} once more. "
            "The weights were multiplied by the input as it is."
        ),
        for_students=(
            "For the weight gradient of {place}, the layer's input was put through an activation once more. "
            "The weights were multiplied by the input as it is."
        ),
        hint=(
            "Which array were the weights of {place} multiplied by in the forward pass, and is it that "
            "very array in the weight gradient?"
        ),
        looks_like=(
            "One weight gradient is wrong; its bias gradient and all layers below are right, so δ is "
            "right. relu hides it, since relu of relu is relu, except on a raw input that has negative "
            "entries."
        ),
        why=(
            "The activation is applied at the beginning of each layer in one function and at its end in "
            "another, so that it happens twice, or the raw input x is activated too."
        ),
        see=(
            "Compare the array stored for the weight gradient with the one used in the forward product: "
            "`np.array_equal(stored, used)`. With a sigmoid, an entry that should be 0 or above 1 shows "
            "it at once."
        ),
        fix="`dW = z_below.T @ delta`, with `z_below` the array of `a = z_below @ W + b`.",
    ),
    replaces={"weight_gradient": activated_input},
)
