"""The activation's derivative is left out."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.hidden_delta import missing_activation_derivative
from verifier.diagnosis.catalogue.rules.uses import upstream_alone

BUG = Bug(
    "missing-activation-derivative",
    "hidden_delta",
    BugTexts(
        title="The activation's derivative is left out",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)",
        wrong="δ_l′ = δ_{l+1} W_{l+1}ᵀ",
        explanation=(
            "δ of {above} was brought down through the weights and used as δ of {place} as it was. The "
            "derivative g′ of the activation in {place} is missing; for relu this means that all units "
            "count as active."
        ),
        hint=(
            "Look at what δ of {place} is multiplied by on its way down: has every factor of the chain "
            "rule been used?"
        ),
        looks_like=(
            "All layers above are right, this one is wrong and those below inherit it. With tanh and "
            "sigmoid every δ is too large, with relu the columns of inactive units should be 0 and are "
            "not. A linear layer hides it, and so does relu where all units are active."
        ),
        why=(
            "`delta = delta @ W.T` looks complete, since the shapes fit without g′. With relu the "
            "network often trains all the same."
        ),
        see=(
            "Put the activation of this layer to identity and check again: if the gradient is right "
            "now, g′ is missing. With relu, look at a unit with a < 0 for all examples; its column of "
            "the weight gradient must be 0."
        ),
        fix="`delta = (delta @ W_above.T) * derivative(a)`",
        seen_in=("ML-From-Scratch before 5890fb9", "Grokking ch. 8 (#9)"),
    ),
    replaces={"hidden_delta": missing_activation_derivative},
    local_rule=LocalRule(
        candidates=upstream_alone,
        title="The operation's own derivative is missing",
        right="v̄ = ū · ∂u/∂v",
        wrong="v̄′ = ū",
        explanation=(
            "The gradient of {place} is that of {use} as it comes: the derivative of {use} by it is missing."
        ),
        hint="By what does the chain rule multiply on the way back through {use}?",
        aliases=("missing-local-derivative",),
    ),
)
