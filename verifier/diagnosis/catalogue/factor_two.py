"""A factor 2 too many or missing."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.loss_factors import two_or_half
from verifier.diagnosis.catalogue.rules.uses import twice_or_half_of_loss

BUG = Bug(
    "factor-two",
    "loss",
    BugTexts(
        title="A factor 2 too many or missing",
        right="d/df ½(f − y)² = f − y, and d/df (f − y)² = 2(f − y)",
        wrong="(∂R/∂W_l)′ = 2 · ∂R/∂W_l, or ½ · ∂R/∂W_l",
        explanation=(
            "The submitted gradient is {factor} times the right one, everywhere alike. Either "
            "the 2 from the derivative of a square and the ½ of the loss do not match, or the same pass "
            "was added up twice."
        ),
        for_students=(
            "The gradient is twice or half the right one, everywhere alike. Either the 2 from the "
            "derivative of a square and the ½ of the loss do not match, or the same pass was added up twice."
        ),
        hint=(
            "Write down the declared loss with all its constants and differentiate it by f once more: "
            "do all of them come out as in your code?"
        ),
        looks_like=(
            "The ratio is 2 or ½ for every parameter and the cosine is 1. With N = 2 or C = 2 it looks "
            "the same as a wrong mean. The part of a penalty need not be scaled."
        ),
        why=(
            "Some texts define the squared error with ½ and some without, and loss and gradient were "
            "taken from different ones. Or `backward()` was run twice without setting the gradients to "
            "zero between."
        ),
        see=(
            "Take one example, one linear layer, one output, f − y = 1 and an input of 1: the gradient "
            "of the weight is 1 with ½ in the loss and 2 without. Then run the backward pass twice and "
            "see whether the numbers change."
        ),
        fix=(
            "`delta = f - y` for a loss with ½, `delta = 2 * (f - y)` without, and gradients set to "
            "zero before each pass."
        ),
        seen_in=("davisking/dlib#1169", "42-AI#20", "karpathy/micrograd#78"),
    ),
    factors=two_or_half,
    local_rule=LocalRule(
        candidates=twice_or_half_of_loss,
        right="v̄ = ū · ∂u/∂v",
        wrong="v̄′ = 2 ū · ∂u/∂v, or ½ ū · ∂u/∂v",
        explanation=(
            "What comes back through {use} is twice or half of what belongs in the gradient of {place}."
        ),
        hint=(
            "Write down {use} with all its constants and differentiate it by {place} once more: do all "
            "of them come out as in your code?"
        ),
        aliases=("count-factor",),
    ),
)
