"""A product is differentiated to its own operand."""

from verifier.diagnosis.catalogue.bug import LOCAL_RULE, Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.uses import times_same_operand

BUG = Bug(
    "multiply-operands-exchanged",
    LOCAL_RULE,
    BugTexts(
        title="A product is differentiated to its own operand",
        right="for u = x y: x̄ = ū y, ȳ = ū x",
        wrong="x̄′ = ū x, ȳ′ = ū y",
        explanation=(
            "The gradient of {place} is that of {use} times {place} itself, not times the other factor."
        ),
        hint="How much does {use} grow when {place} grows by one?",
        looks_like=(
            "The gradients of both factors of a product are wrong, and so is all that comes before them. "
            "Where both factors are equal it cannot be seen."
        ),
        why=(
            "The two cached operands were unpacked in the wrong order, or `x * grad` was written for "
            "`y * grad`."
        ),
        see="Multiply 2 by 5: the gradient of the 2 must be 5, and that of the 5 must be 2.",
        fix="For `u = x * y`: `x.grad += u.grad * y` and `y.grad += u.grad * x`.",
    ),
    local_rule=LocalRule(times_same_operand),
)
