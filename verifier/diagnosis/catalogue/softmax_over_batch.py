"""Softmax is normalised over the whole batch."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import softmax_over_batch

BUG = Bug(
    "softmax-over-batch",
    "output_delta",
    BugTexts(
        title="Softmax is normalised over the whole batch",
        right="pₙₖ = exp(aₙₖ) / Σⱼ exp(aₙⱼ)",
        wrong="p′ₙₖ = exp(aₙₖ) / Σₘ Σⱼ exp(aₘⱼ)",
        explanation=(
            "In {place} the exponentials were divided by their sum over all N = {examples} examples. "
            "Softmax divides by the sum over the {outputs} outputs of one example, so every example has "
            "probabilities of its own."
        ),
        hint=(
            "What should the probabilities of one example in {place} sum to, and what do they sum to in "
            "your code?"
        ),
        looks_like=(
            "The output layer is wrong and all below inherit it. The p in δ are too small, by N on "
            "average, so that in a large batch δ has almost only the target's entries left. With N = 1 "
            "it cannot be seen."
        ),
        why=(
            "`np.exp(a) / np.sum(np.exp(a))` was written and tested for one example, and then called "
            "with a batch. The `axis` is missing."
        ),
        see=(
            "Print `p.sum(axis=1)`: it must be 1 for every example. Or compute the gradient example by "
            "example and compare the sum with that of the batch."
        ),
        fix="`p = e / e.sum(axis=1, keepdims=True)`",
        seen_in=("numpy-saliency#2",),
    ),
    replaces={"output_delta": softmax_over_batch},
)
