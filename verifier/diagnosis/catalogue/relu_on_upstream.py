"""The gradient itself is put through relu."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import relu_on_upstream

BUG = Bug(
    "relu-on-upstream",
    "hidden_delta",
    BugTexts(
        title="The gradient itself is put through relu",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ [a_l > 0]",
        wrong="δ_l′ = max(0, δ_{l+1} W_{l+1}ᵀ)",
        explanation=(
            "On the way down from {above}, relu was applied to the gradient itself. The derivative of "
            "relu in {place} lets the gradient through where a > 0, whatever the gradient's own sign."
        ),
        hint=(
            "What decides whether a unit of {place} lets the gradient through, and what decides it in "
            "your code?"
        ),
        looks_like=(
            "The layers above are right. No δ of this layer is negative, so its bias gradient has no "
            "negative entry, nor has its weight gradient where the inputs are not negative. Units with "
            "a < 0 get a gradient."
        ),
        why=(
            "`l1 = relu(W2.T @ error)` looks like the forward pass turned round. The mask must be "
            "stored in the forward pass, and this needs no storing."
        ),
        see=(
            "Print `delta.min()` of the layer for several batches: if it is never below 0, this is it. "
            "Check that the columns of units with a < 0 for all examples are 0."
        ),
        fix="`delta = (delta @ W_above.T) * (a > 0)`",
        seen_in=("NLP specialisation C2 W4",),
    ),
    replaces={"hidden_delta": relu_on_upstream},
)
