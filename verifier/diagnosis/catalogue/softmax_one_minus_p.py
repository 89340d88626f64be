"""Softmax's derivative taken as 1 − p."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import softmax_one_minus_p

BUG = Bug(
    "softmax-one-minus-p",
    "output_delta",
    BugTexts(
        title="Softmax's derivative taken as 1 − p",
        right="δ_L = p ∘ (u − Σₖ uₖ pₖ)",
        wrong="δ_L′ = u ∘ (1 − p)",
        explanation=(
            "In {place} the derivative of the loss was multiplied by 1 − p in place of softmax's "
            "Jacobian. That is the derivative of log p on the diagonal, and the factor p and all other "
            "terms are missing."
        ),
        hint=(
            "Differentiate softmax once by hand for two outputs: what stands in the four entries, and "
            "which of them does {place} use?"
        ),
        looks_like=(
            "The output layer is wrong and all below inherit it. δ does not sum to 0 over the outputs. "
            "Under cross entropy δ is −(1 − p)/p at the target, which is the right one over p, and 0 "
            "elsewhere."
        ),
        why=(
            "The derivative of log softmax, which has 1 − p on its diagonal, was mixed up with that of "
            "softmax itself. Or the p of `p * (1 - p)` was lost."
        ),
        see=(
            "Print δ of one example beside a difference quotient: raise each pre-activation by 0.0001 "
            "and note how the loss changes."
        ),
        fix="`delta = p * (u - (u * p).sum(axis=1, keepdims=True))`",
        seen_in=("neuroph#37",),
    ),
    replaces={"output_delta": softmax_one_minus_p},
)
