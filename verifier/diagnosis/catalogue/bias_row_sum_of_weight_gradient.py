"""The bias gradient comes from dW."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import bias_row_sum_of_weight_gradient

BUG = Bug(
    "bias-row-sum-of-weight-gradient",
    "bias_gradient",
    BugTexts(
        title="The bias gradient comes from dW",
        right="∂R/∂b_l = Σₙ δ_{l,n}",
        wrong="(∂R/∂b_l)′ⱼ = Σᵢ (∂R/∂W_l)ᵢⱼ",
        explanation=(
            "The bias gradient of {place} was made by adding up the weight gradient over the inputs. It "
            "has to be δ added up over the examples."
        ),
        hint=(
            "Over which index does the sum for the biases of {place} go, and of which array is it the sum?"
        ),
        looks_like=(
            "All weight gradients are right, and the bias gradient is the sum of dW along one axis. "
            "Inputs that sum to 1 in every example, such as one-hot ones or a softmax's output, hide "
            "it."
        ),
        why=(
            "`db = np.sum(dW, axis=…)` has the right shape. It was written where `np.sum(delta, "
            "axis=…)` was meant, since the two lines look alike."
        ),
        see="Multiply the inputs of the layer by 10 with δ unchanged: dW grows tenfold and db must not.",
        fix="`db = delta.sum(axis=0)`",
        seen_in=("NLP specialisation #62",),
    ),
    replaces={"bias_gradient": bias_row_sum_of_weight_gradient},
)
