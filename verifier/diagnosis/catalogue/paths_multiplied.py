"""Paths are multiplied, not added."""

from verifier.diagnosis.catalogue.bug import LOCAL_RULE, Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.uses import product_of_uses

BUG = Bug(
    "paths-multiplied",
    LOCAL_RULE,
    BugTexts(
        title="Paths are multiplied where they add",
        right="v̄ = Σ over all uses",
        wrong="v̄′ = Π over all uses",
        explanation="The gradient of {place} is the product of what comes back by its paths, not their sum.",
        hint="What does the chain rule do with several paths?",
        looks_like=(
            "The gradient of a value with several uses is wrong, and so is all that comes before it. Values "
            "with one use are right."
        ),
        why=(
            "Along one path the chain rule multiplies. The same was done across paths, where the "
            "contributions have to be added."
        ),
        see="Let a graph compute `y = 3 * v + 2 * v`: the gradient of v must be 5, and here it is 6.",
        fix="Multiply along each path, then add the paths: `v.grad += contribution`.",
    ),
    local_rule=LocalRule(product_of_uses),
)
