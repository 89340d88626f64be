"""The weights are not transposed."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.hidden_delta import untransposed_weights
from verifier.diagnosis.catalogue.rules.uses import other_matrix_products

BUG = Bug(
    "untransposed-weights",
    "hidden_delta",
    BugTexts(
        title="The weights are not transposed",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)",
        wrong="δ_l′ = (δ_{l+1} W_{l+1}) ∘ g′(a_l)",
        explanation=(
            "On the way down from {above} to {place}, δ was multiplied by the weights as they are used "
            "in the forward pass. The way back needs their transpose."
        ),
        hint=(
            "Write down the shapes on the way down to {place}, with a letter for each width: which "
            "index is summed over?"
        ),
        looks_like=(
            "The layers above are right, this one is wrong and those below inherit it. It can only "
            "happen where the weights above are square, and a symmetric matrix hides it."
        ),
        why=(
            "`delta @ W` was copied from the forward pass, or code for weights of shape (out, in) was "
            "used with (in, out). With square weights no shape error warns."
        ),
        see="Give the layers different widths and run it again: numpy raises a shape error at the line.",
        fix="`delta = (delta @ W_above.T) * derivative(a)` for weights of shape (in, out).",
    ),
    replaces={"hidden_delta": untransposed_weights},
    local_rule=LocalRule(
        candidates=other_matrix_products,
        title="A product's operands are exchanged or turned",
        right="for u = x y: x̄ = ū yᵀ, ȳ = xᵀ ū",
        wrong="another order, or another transposition",
        explanation=(
            "The gradient of {place} is another product of the same two matrices than the one {use} asks for."
        ),
        hint="Which of the two matrices is transposed on the way back through {use}, and which stands first?",
        aliases=("matmul-operands-exchanged",),
    ),
)
