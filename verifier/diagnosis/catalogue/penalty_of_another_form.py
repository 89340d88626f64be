"""The penalty's part is another function of the weights."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.penalties import in_each_parameter, other_form_in_layer

BUG = Bug(
    "penalty-of-another-form",
    "penalty",
    BugTexts(
        title="The penalty's part is another function of the weights",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l + λ W_l (for Ω = ½λ Σ w²; λ sign W_l for Ω = λ Σ |w|)",
        wrong="(∂R/∂W_l)′ = z_{l−1}ᵀ δ_l + λ h(W_l), with h such as Σ w, sign w, |w| or a sum of each row",
        explanation=(
            "In the gradient of {place} the data's part is right, and the penalty's part is the strength "
            "times {used}. The derivative of the declared penalty by a weight is another function."
        ),
        for_students=(
            "In the gradient of {place} the data's part is right, and the penalty's part is another function "
            "of the weights than the derivative of the declared penalty."
        ),
        hint=(
            "Differentiate the declared penalty by a single weight of {place}: which weights does the result "
            "depend on?"
        ),
        looks_like=(
            "Biases are right. Submitted minus expected is one number for all entries, or has the pattern of "
            "the weights' signs or sums, and it does not change with the inputs."
        ),
        why=(
            "The sum of the penalty is copied into its derivative, as in `dW += lam * np.sum(W)`, or the "
            "derivative of |w| is taken for that of w²."
        ),
        see=(
            "Set the inputs to 0, so that only the penalty is left in the first layer's weight gradient, and "
            "change one weight: for l2 exactly one entry of the gradient may change."
        ),
        fix="For Ω = ½λ Σ w² add `lam * W`, for Ω = λ Σ |w| add `lam * np.sign(W)`.",
        seen_in=("community.deeplearning.ai 165181",),
    ),
    replaces=in_each_parameter(other_form_in_layer, None),
)
