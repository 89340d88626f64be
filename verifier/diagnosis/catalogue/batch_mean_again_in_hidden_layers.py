"""Hidden layers take the batch mean again."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.loss_factors import one_over_examples

BUG = Bug(
    "batch-mean-again-in-hidden-layers",
    "hidden_delta",
    BugTexts(
        title="Hidden layers take the batch mean again",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l), with 1/N in δ_L only",
        wrong="δ_l′ = δ_l / N for l < L",
        explanation=(
            "The output layer is right, but below it a factor of {factor} comes in. δ already held the "
            "mean over the N = {examples} examples, and in the hidden layers it was divided by N once "
            "more."
        ),
        for_students=(
            "The output layer is right. δ already held the mean over the N = {examples} examples, and in "
            "the hidden layers it was divided by N once more."
        ),
        hint=(
            "The mean over the examples belongs into one place of the chain: where does it stand, and "
            "is it still needed in {place}?"
        ),
        looks_like=(
            "The output layer is right. In the hidden layers the ratio is 1/N with cosine 1; if every "
            "layer divides, it is 1/N, 1/N², 1/N³ going down. With N = 1, or without hidden layers, it "
            "cannot be seen."
        ),
        why=(
            "The output delta is divided by N, and `dW = z.T @ delta / m` is then used for the hidden "
            "layers as in the textbook where δ was left undivided. The output layer was checked and the "
            "hidden ones were taken on trust."
        ),
        see=(
            "Print submitted over expected for one weight of each layer: 1 at the output and 1/N below "
            "tells it. Repeat it with one example only, and all are 1."
        ),
        fix="Divide in δ_L only: `delta = (p - y) / m`, then `dW = z.T @ delta` in every layer.",
        seen_in=("community.deeplearning.ai 63071",),
    ),
    factors=one_over_examples,
)
