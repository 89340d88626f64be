"""The derivative is taken at z, not a."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.hidden_delta import derivative_at_activation
from verifier.diagnosis.catalogue.rules.output_delta import derivative_at_output
from verifier.diagnosis.catalogue.rules.uses import derivative_at_value

BUG = Bug(
    "derivative-at-activation",
    "hidden_delta",
    BugTexts(
        title="The derivative is taken at z, not a",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)",
        wrong="δ_l′ = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(z_l)",
        explanation=(
            "In {place} the derivative g′ was evaluated at the activation z and not at the "
            "pre-activation a. So the activation was applied once more before it was differentiated."
        ),
        hint=(
            "What does the function that computes the derivative expect as its argument, and what is it "
            "given in {place}?"
        ),
        looks_like=(
            "The layers above are right, this one is wrong and those below inherit it. With a sigmoid "
            "g′ lies between 0.19 and 0.25 whatever the unit does, with tanh between 0.41 and 1: "
            "saturated units get much too large a gradient. relu and leaky relu hide it, since a and z "
            "have the same sign."
        ),
        why=(
            "`sigmoid_prime(x)` computes `s = sigmoid(x)` itself, and the backward pass has only the "
            "activations at hand, so it is called with them."
        ),
        see=(
            "Print the derivative for a unit with a = 5 and a sigmoid: it must be 0.0066. A value near "
            "0.2 means that sigmoid was applied twice."
        ),
        fix="`s * (1 - s)` with `s = z`, or `sigmoid_prime(a)`; not `sigmoid_prime(z)`.",
        seen_in=("farzaa#1", "gophernet#6", "neural2d#40"),
    ),
    replaces={"hidden_delta": derivative_at_activation, "output_delta": derivative_at_output},
    local_rule=LocalRule(
        candidates=derivative_at_value,
        title="The derivative is taken at the value, not at the operand",
        right="v̄ = ū · g′(v)",
        wrong="v̄′ = ū · g′(g(v))",
        explanation="The derivative of {use} was taken where its value stands, not where {place} does.",
        hint="Of which number is the derivative of {use} a function?",
        aliases=("derivative-of-value",),
    ),
)
