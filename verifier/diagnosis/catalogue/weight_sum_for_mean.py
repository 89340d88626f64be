"""The weight gradient is scaled by N."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import weight_sum_for_mean

BUG = Bug(
    "weight-sum-for-mean",
    "weight_gradient",
    BugTexts(
        title="The weight gradient is scaled by N",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l",
        wrong="(∂R/∂W_l)′ = N · z_{l−1}ᵀ δ_l, or (1/N) z_{l−1}ᵀ δ_l",
        explanation=(
            "The weight gradient of {place} is {factor} times the right one, while the bias gradient is "
            "right. The factor is N or 1/N with N = {examples} examples: the batch was summed for the one "
            "and averaged for the other."
        ),
        for_students=(
            "The weight gradient of {place} is wrong while the bias gradient is right. Over the N = "
            "{examples} examples the batch was summed for the one and averaged for the other."
        ),
        hint=(
            "Does your code put the examples together in the same way for the weights and for the biases of "
            "{place}?"
        ),
        looks_like=(
            "All bias gradients are right. The weight gradients have the ratio N or 1/N with cosine 1. With "
            "one example it cannot be seen."
        ),
        why=(
            "`db = delta.mean(axis=0)` divides by N on the way, and `dW = z.T @ delta` sums without it. Or "
            "dW is divided by N although δ already was."
        ),
        see=(
            "Add a column of ones to the layer's input: the weight gradient of that column and the bias "
            "gradient must be the same numbers."
        ),
        fix="`dW = z_below.T @ delta / n` where δ does not hold the 1/N yet, as for the biases.",
        seen_in=("hunkim/DeepLearningZeroToAll#173",),
    ),
    replaces={"weight_gradient": weight_sum_for_mean},
)
