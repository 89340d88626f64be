"""The bias gradient is averaged, not summed."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.products import bias_mean_for_sum
from verifier.diagnosis.catalogue.rules.uses import mean_of_broadcast_copies

BUG = Bug(
    "bias-mean-for-sum",
    "bias_gradient",
    BugTexts(
        title="The bias gradient is averaged, not summed",
        right="∂R/∂b_l = Σₙ δ_{l,n}",
        wrong="(∂R/∂b_l)′ = (1/N) Σₙ δ_{l,n}, or N · Σₙ δ_{l,n}",
        explanation=(
            "The bias gradient of {place} is {factor} times the right one, while the weight gradient is "
            "right. Over the N = {examples} examples δ was averaged for the one and summed for the "
            "other."
        ),
        for_students=(
            "The bias gradient of {place} is wrong while the weight gradient is right. Over the N = "
            "{examples} examples δ was averaged for the one and summed for the other."
        ),
        hint=(
            "Does your code put the examples together in the same way for the biases and for the "
            "weights of {place}?"
        ),
        looks_like=(
            "All weight gradients are right. The bias gradients have the ratio 1/N or N with cosine 1. "
            "With N = 1 it cannot be seen."
        ),
        why=(
            "`db = np.mean(delta, axis=0)` stands beside `dW = z.T @ delta`, where the 1/N is already "
            "in δ. Or N is divided out for dW and forgotten for db."
        ),
        see=(
            "Add a column of ones to the layer's input: the weight gradient of that column and the bias "
            "gradient must be the same numbers."
        ),
        fix="`db = delta.sum(axis=0)` where δ already holds the 1/N.",
        seen_in=("kvfrans/notes#5",),
    ),
    replaces={"bias_gradient": bias_mean_for_sum},
    local_rule=LocalRule(
        candidates=mean_of_broadcast_copies,
        title="Broadcasting is averaged, not summed back",
        right="v̄ = Σ over the copies of v",
        wrong="v̄′ = the mean over the copies of v",
        explanation=(
            "{place} was copied by broadcasting in {use}, and its gradient is the mean over the copies, not "
            "their sum."
        ),
        hint="How often does {use} use each entry of {place}?",
        aliases=("broadcast-not-summed",),
    ),
)
