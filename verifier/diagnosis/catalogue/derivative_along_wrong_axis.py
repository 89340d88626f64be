"""The derivative is multiplied after the weights."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import derivative_along_wrong_axis

BUG = Bug(
    "derivative-along-wrong-axis",
    "hidden_delta",
    BugTexts(
        title="The derivative is multiplied after the weights",
        right="δ_l = ((e_{l+1} ∘ g′(a_{l+1})) W_{l+1}ᵀ) ∘ g′(a_l), with e = ∂R/∂z",
        wrong="δ_l′ = g′(a_{l+1}) ∘ (e_{l+1} W_{l+1}ᵀ)",
        explanation=(
            "The derivative g′ of {above} was multiplied in after the weights and not before them. So "
            "it fell upon the units of {place}, along the wrong axis of the weights, and the derivative "
            "of {place} itself was not used."
        ),
        hint=(
            "Follow one unit from the layer above down to {place}: before which step does its "
            "derivative come, and which units carry it?"
        ),
        looks_like=(
            "The layers above are right, this one is wrong and those below inherit it. It can only "
            "happen where this layer and the one above have the same width; other shapes would raise an "
            "error."
        ),
        why=(
            "An index is off by one: `delta = (delta @ W.T) * derivative(a[l + 1])`. numpy says nothing "
            "while all layers have the same width."
        ),
        see=(
            "Give every layer a width of its own, such as 5, 4, 3, 2, and run it: a shape error points "
            "at the line."
        ),
        fix=(
            "`delta = (delta @ W[l + 1].T) * derivative(a[l])`, with `delta` of the layer above already "
            "multiplied by its own g′."
        ),
        seen_in=("nielsen before 97c00f7",),
    ),
    replaces={"hidden_delta": derivative_along_wrong_axis},
)
