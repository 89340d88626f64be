"""The weight gradient is transposed."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import transposed_gradient

BUG = Bug(
    "transposed-gradient",
    "weight_gradient",
    BugTexts(
        title="The weight gradient is transposed",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l",
        wrong="(∂R/∂W_l)′ = δ_lᵀ z_{l−1}, as it is or reshaped to fit",
        explanation=(
            "The submitted weight gradient for {place} holds the right numbers in the wrong "
            "places. Its rows and columns are exchanged."
        ),
        hint=(
            "Which index of the weights of {place} belongs to the input and which to the output, and is "
            "it so in your gradient?"
        ),
        looks_like=(
            "One or all weight gradients are wrong, while all bias gradients are right. The sorted "
            "numbers agree, and the diagonal does if the matrix is square. With one row or one column "
            "and a reshape it cannot be seen."
        ),
        why=(
            "The weights are kept as (out, in) in one text and as (in, out) in another. Where the shape "
            "did not fit, `reshape` was used in place of `.T`."
        ),
        see=(
            "Use weights that are not square and never call `reshape`; `assert dW.shape == W.shape` "
            "then fails. Or compare `np.sort(dW, axis=None)` with the expected numbers."
        ),
        fix="`dW = z_below.T @ delta` for weights (in, out), `delta.T @ z_below` for (out, in).",
    ),
    replaces={"weight_gradient": transposed_gradient},
)
