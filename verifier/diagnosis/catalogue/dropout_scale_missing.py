"""The dropout scale is missing going back."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import dropout_scale_missing
from verifier.diagnosis.catalogue.rules.output_delta import output_mask_scale_missing

BUG = Bug(
    "dropout-scale-missing",
    "hidden_delta",
    BugTexts(
        title="The dropout scale is missing going back",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ m_l ∘ g′(a_l), with entries of m_l either 0 or s",
        wrong="δ_l′ = (δ_{l+1} W_{l+1}ᵀ) ∘ [m_l ≠ 0] ∘ g′(a_l)",
        explanation=(
            "In the forward pass the units of {place} that were kept were also scaled up by the dropout "
            "mask. On the way back the mask was used as zeros and ones, without its scale."
        ),
        hint=(
            "By which numbers was the output of {place} multiplied in the forward pass, and by which is "
            "the gradient multiplied on its way back?"
        ),
        looks_like=(
            "The layers above are right. This layer and all below are too small by one factor, the "
            "share of units that is kept, with cosine 1; further dropout layers multiply it. A mask of "
            "zeros and ones hides it."
        ),
        why=(
            "The forward pass does `z *= mask * 2` and the backward pass `delta *= mask`: the constant "
            "stands in one line only."
        ),
        see=(
            "Print submitted over expected for the layer: 0.5 at a keep rate of one half. Set the rate "
            "so that all units are kept, and it is gone."
        ),
        fix=(
            "Put the scale into the mask once, `mask = (rng.random(z.shape) < keep) / keep`, and use "
            "this mask both ways."
        ),
        seen_in=("Grokking ch. 8",),
    ),
    replaces={"hidden_delta": dropout_scale_missing, "output_delta": output_mask_scale_missing},
)
