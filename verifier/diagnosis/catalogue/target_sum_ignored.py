"""p − y with target rows that do not sum to 1."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import target_sum_ignored

BUG = Bug(
    "target-sum-ignored",
    "output_delta",
    BugTexts(
        title="The formula p − y is used for targets that do not sum to 1",
        right="δ_L = (Σₖ yₖ) p − y (cross entropy after softmax)",
        wrong="δ_L′ = p − y, which is right only if Σₖ yₖ = 1",
        explanation=(
            "The δ of {place} is p − y, the gradient of cross entropy after softmax for targets that sum to "
            "1. Here there are rows of targets with another sum, and the sum then multiplies p."
        ),
        hint=(
            "What was assumed of the targets when the gradient in {place} was derived, and does it hold for "
            "every row of them?"
        ),
        looks_like=(
            "The output layer is wrong and all below inherit it. Examples whose targets sum to 1 are right."
        ),
        why=(
            "`p - y` is known by heart. The targets became class weights, counts, several labels or ignored "
            "rows of zeros, and the loss still sums −y log p."
        ),
        see=(
            "Take one example with a target row of zeros: its loss is 0 whatever the network says, so its "
            "gradient must be 0, and p − y is not."
        ),
        fix="`delta = (y.sum(axis=1, keepdims=True) * p - y) / n`, or targets whose rows sum to 1.",
        seen_in=("kvark/meganeura#102",),
    ),
    replaces={"output_delta": target_sum_ignored},
)
