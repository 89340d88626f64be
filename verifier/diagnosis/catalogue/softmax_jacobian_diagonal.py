"""Only the diagonal of softmax's Jacobian."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.output_delta import hidden_softmax_diagonal, softmax_jacobian_diagonal
from verifier.diagnosis.catalogue.rules.uses import softmax_diagonal

BUG = Bug(
    "softmax-jacobian-diagonal",
    "output_delta",
    BugTexts(
        title="Only the diagonal of softmax's Jacobian",
        right="δ_L = p ∘ (u − Σₖ uₖ pₖ)",
        wrong="δ_L′ = u ∘ p ∘ (1 − p)",
        explanation=(
            "In {place} softmax was differentiated as if it were a sigmoid, output by output. Each "
            "output of softmax depends on every pre-activation, so the terms off the diagonal of its "
            "Jacobian are missing."
        ),
        hint="If one pre-activation of {place} is raised, which of the outputs change?",
        looks_like=(
            "The output layer is wrong and all below inherit it. δ no longer sums to 0 over the outputs "
            "of an example, so the bias gradient does not either. Under cross entropy the target's "
            "entry is right and all others are 0."
        ),
        why=(
            "`p * (1 - p)` is the derivative of a sigmoid and stands in most codes. It is also the "
            "diagonal of softmax's Jacobian, so it looks right."
        ),
        see=(
            "Sum the bias gradient of the softmax layer over its outputs: it must be 0 to rounding. Or "
            "raise one pre-activation by 0.001 and print all outputs before and after."
        ),
        fix="`delta = p * (u - (u * p).sum(axis=1, keepdims=True))`",
        seen_in=("casper-hansen PR#1",),
    ),
    replaces={"output_delta": softmax_jacobian_diagonal, "hidden_delta": hidden_softmax_diagonal},
    local_rule=LocalRule(
        candidates=softmax_diagonal,
        right="v̄ = p ∘ (ū − Σₖ ūₖ pₖ), with p = softmax(v)",
        wrong="v̄′ = ū ∘ p ∘ (1 − p)",
        explanation=(
            "In {use} softmax was differentiated as if it were a sigmoid, output by output. Each output of "
            "softmax depends on every entry of {place} in its row, so terms are missing."
        ),
        hint="If one entry of {place} is raised, which outputs of {use} change?",
    ),
)
