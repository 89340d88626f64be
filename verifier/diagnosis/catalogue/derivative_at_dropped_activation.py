"""The derivative is taken at the dropped and scaled activation."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import derivative_at_dropped_activation

BUG = Bug(
    "derivative-at-dropped-activation",
    "hidden_delta",
    BugTexts(
        title="The derivative is taken after dropout",
        right="δ_l = (m ∘ δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l), with g′ = 1 − z² for tanh, z = g(a_l)",
        wrong="the same with m ∘ z in place of z in g′, m being the dropout mask with its scale",
        explanation=(
            "In {place} the derivative of the activation was computed from its output after dropout, m ∘ z. "
            "The mask multiplies z by its scale, so z is no longer the activation's value."
        ),
        hint=(
            "Which of the stored arrays of {place} does the derivative of the activation need: the one "
            "before dropout or the one after it?"
        ),
        looks_like=(
            "The layers above are right, this one and all below are wrong. Units that were dropped are 0 as "
            "they should be. With a scale of 1 it cannot be seen."
        ),
        why=(
            "The forward pass overwrites z by `z *= mask`, and the backward pass computes `1 - z ** 2` from "
            "what it finds there."
        ),
        see=(
            "Use a mask of ones: the gradient is right. Use a mask of twos: δ of the layer must double, and "
            "here it does not."
        ),
        fix="Keep both: `h = np.tanh(a)`, `z = h * mask`, and `delta = (up * mask) * (1 - h ** 2)`.",
    ),
    replaces={"hidden_delta": derivative_at_dropped_activation},
)
