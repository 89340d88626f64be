"""The mean over examples is left out."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.loss_factors import examples
from verifier.diagnosis.catalogue.rules.uses import times_count

BUG = Bug(
    "batch-sum-for-mean",
    "loss",
    BugTexts(
        title="The mean over examples is left out",
        right="R = (1/N) Σₙ Rₙ, so ∂R/∂W_l = (1/N) Σₙ ∂Rₙ/∂W_l",
        wrong="(∂R/∂W_l)′ = Σₙ ∂Rₙ/∂W_l = N · ∂R/∂W_l",
        explanation=(
            "The submitted gradient is {factor} times the right one. The declared loss is a "
            "mean over the N = {examples} examples, but the gradient was summed over them and never "
            "divided by N."
        ),
        for_students=(
            "The declared loss is a mean over the N = {examples} examples, but the gradient was summed over "
            "them and never divided by N."
        ),
        hint=(
            "The loss and its gradient both put the examples of a batch together: do they do it in the "
            "same way?"
        ),
        looks_like=(
            "Every parameter of every layer is too large by N: the ratio is N everywhere and the cosine "
            "is 1. With N = 1 it cannot be seen, and with N = 2 it looks like a forgotten factor 2. The "
            "part of a penalty is not scaled."
        ),
        why=(
            "The output delta is copied from a derivation for one example, `delta = p - y`. The product "
            "`z.T @ delta` then sums over the batch without anybody asking for it."
        ),
        see=(
            "Compute the gradient of a batch, then of the same batch with every example in it twice. "
            "The gradient of a mean stays as it is; this one doubles."
        ),
        fix="Divide once, at the output: `delta = (p - y) / len(x)`.",
        seen_in=("dennybritz/nn-from-scratch", "hunkim/DeepLearningZeroToAll#173"),
    ),
    factors=examples,
    local_rule=LocalRule(
        candidates=times_count,
        title="The division of a mean or a loss is left out",
        right="v̄ = ū / n",
        wrong="v̄′ = ū",
        explanation="{use} divides by a number that is left out of the gradient of {place}.",
        hint="By what does {use} divide, and how often does its gradient?",
        aliases=("count-factor",),
    ),
)
