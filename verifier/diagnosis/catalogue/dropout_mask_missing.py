"""The dropout mask is missing going back."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import dropout_mask_missing
from verifier.diagnosis.catalogue.rules.output_delta import output_mask_missing

BUG = Bug(
    "dropout-mask-missing",
    "hidden_delta",
    BugTexts(
        title="The dropout mask is missing going back",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ m_l ∘ g′(a_l), with z_l = m_l ∘ g(a_l)",
        wrong="δ_l′ = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)",
        explanation=(
            "In the forward pass a dropout mask switched off some units of {place}. On the way back the "
            "mask was not applied, so units that were dropped get a gradient."
        ),
        hint=(
            "What happened to the output of {place} after its activation in the forward pass, and does "
            "the way back take account of it?"
        ),
        looks_like=(
            "The layers above are right, this one is wrong and those below inherit it. Entries of δ "
            "that should be 0 are not, and if the scale is missing too, the others are off by one "
            "factor. A mask of all ones hides it."
        ),
        why=(
            "The mask was a local variable of the forward pass and not kept, or dropout was added to "
            "the forward pass later."
        ),
        see=(
            "Use a mask that drops one unit for every example: its column of the weight gradient and "
            "its bias gradient must be 0."
        ),
        fix="`delta = (delta @ W_above.T) * mask * derivative(a)`",
        seen_in=("numpy-ml#94",),
    ),
    replaces={"hidden_delta": dropout_mask_missing, "output_delta": output_mask_missing},
)
