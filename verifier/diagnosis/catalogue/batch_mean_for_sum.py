"""One division by N too many."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.loss_factors import one_over_examples
from verifier.diagnosis.catalogue.rules.uses import divided_by_count_again

BUG = Bug(
    "batch-mean-for-sum",
    "loss",
    BugTexts(
        title="One division by N too many",
        right="R = Σₙ Rₙ, so ∂R/∂W_l = Σₙ ∂Rₙ/∂W_l",
        wrong="(∂R/∂W_l)′ = (1/N) Σₙ ∂Rₙ/∂W_l = ∂R/∂W_l / N",
        explanation=(
            "The submitted gradient is {factor} times the right one. It was divided by N = "
            "{examples} once more than the declared loss is."
        ),
        for_students="The gradient was divided by N = {examples} once more than the declared loss is.",
        hint=(
            "Count how often the number of examples enters the declared loss, and how often it enters "
            "your gradient."
        ),
        looks_like=(
            "Every parameter of every layer is too small by N: the ratio is 1/N everywhere and the "
            "cosine is 1. With N = 1 it cannot be seen. The part of a penalty is not scaled."
        ),
        why=(
            "The loss is a sum, but the gradient follows a text whose loss is a mean. Or the loss is a "
            "mean and N is divided out twice, once in the output delta and once again where weights and "
            "biases are collected."
        ),
        see=(
            "Repeat every example of the batch twice. Under a summed loss the right gradient doubles, "
            "under a mean it stays; this one stays, or halves."
        ),
        fix=(
            "Let one line alone know about N, the output delta, and divide there exactly as often as "
            "the loss does."
        ),
        seen_in=("Grokking-Deep-Learning ch. 9", "felipecode/coiltraine#37"),
    ),
    factors=one_over_examples,
    local_rule=LocalRule(
        candidates=divided_by_count_again,
        title="One division by the count of a mean or a loss too many",
        right="v̄ = ū / n",
        wrong="v̄′ = ū / n²",
        explanation="{use} divides by a number once, and the gradient of {place} is divided by it twice.",
        hint="By what does {use} divide, and how often does its gradient?",
        aliases=("count-factor",),
    ),
)
