"""The bias gradient of one example."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.products import bias_not_summed
from verifier.diagnosis.catalogue.rules.uses import one_broadcast_copy

BUG = Bug(
    "bias-not-summed",
    "bias_gradient",
    BugTexts(
        title="The bias gradient of one example",
        right="∂R/∂b_l = Σₙ δ_{l,n}",
        wrong="(∂R/∂b_l)′ = δ_{l,m}, for one example m",
        explanation=(
            "The bias gradient of {place} is δ of example {example} alone. It has to be summed over all "
            "examples of the batch."
        ),
        for_students=(
            "The bias gradient of {place} is δ of one example alone. It has to be summed over all examples "
            "of the batch."
        ),
        hint="From how many examples of the batch does your bias gradient of {place} come?",
        looks_like=(
            "All weight gradients are right and one or all bias gradients are wrong, with a ratio that "
            "differs from unit to unit. With N = 1 it cannot be seen."
        ),
        why=(
            "The code was written for one example, where `db = delta` is right. With a batch the shape "
            "no longer fitted, and one row was taken."
        ),
        see=(
            "Print `delta.shape` and `db.shape` with a batch of 3. Or add a column of ones to the "
            "input: its weight gradient must be the bias gradient."
        ),
        fix="`db = delta.sum(axis=0)`",
        seen_in=("mlpack PR#3679",),
    ),
    replaces={"bias_gradient": bias_not_summed},
    local_rule=LocalRule(
        candidates=one_broadcast_copy,
        title="Broadcasting is not summed back",
        right="v̄ = Σ over the copies of v",
        wrong="v̄′ = one of the copies",
        explanation=(
            "{place} was copied by broadcasting in {use}, and its gradient is not the sum over the copies."
        ),
        hint="How often does {use} use each entry of {place}?",
        aliases=("broadcast-not-summed",),
    ),
)
