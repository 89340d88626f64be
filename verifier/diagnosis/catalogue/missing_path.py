"""A path is left out."""

from verifier.diagnosis.catalogue.bug import LOCAL_RULE, Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.uses import all_uses_but_one

BUG = Bug(
    "missing-path",
    LOCAL_RULE,
    BugTexts(
        title="A path is missing",
        right="v̄ = Σ over all uses u of v: ū · ∂u/∂v",
        wrong="v̄′ = the sum without one use",
        explanation="The gradient of {place} lacks what comes back through {use}.",
        hint="How many nodes use {place}, and how many of them does its gradient hear of?",
        looks_like=(
            "The gradient of one value is wrong, and so is all that comes before it. The difference from the "
            "right gradient is exactly what one use contributes. Typical places are a skip connection, tied "
            "weights, and the first step of a recurrence."
        ),
        why=(
            "The backward pass was written along the main path, and the value's second use was forgotten. "
            "Where a graph is traversed, a node is marked as visited too early."
        ),
        see=(
            "List every line of the forward pass in which the value stands on the right. Each of them must "
            "add something to its gradient."
        ),
        fix="One line `v.grad += contribution` for each use of the value.",
    ),
    local_rule=LocalRule(all_uses_but_one),
)
