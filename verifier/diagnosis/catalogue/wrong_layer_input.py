"""The activations of another layer."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import wrong_layer_input

BUG = Bug(
    "wrong-layer-input",
    "weight_gradient",
    BugTexts(
        title="The activations of another layer",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l",
        wrong="(∂R/∂W_l)′ = z_kᵀ δ_l, with k ≠ l − 1",
        explanation=(
            "The weight gradient of {place} was made from the activations of {other}. It has to be made "
            "from the layer's own input."
        ),
        for_students=(
            "The weight gradient of {place} was made from the activations of another layer. It has to be "
            "made from the layer's own input."
        ),
        hint=(
            "Which array were the weights of {place} multiplied by in the forward pass, and is it that "
            "very array in the weight gradient?"
        ),
        looks_like=(
            "One weight gradient is wrong; its bias gradient and all layers below are right, so δ is "
            "right. It can only happen where two layers have the same width."
        ),
        why=(
            "The list of activations begins with the input x, so its index is one off against the list "
            "of weights: `z[l + 1].T @ delta` for `z[l].T @ delta`."
        ),
        see=(
            "Give every layer a width of its own: the product then has the wrong shape. `assert "
            "dW.shape == W.shape` catches it."
        ),
        fix="`dW = z[l].T @ delta`, with `z[0] = x` and `z[l]` the input of layer l.",
    ),
    replaces={"weight_gradient": wrong_layer_input},
)
