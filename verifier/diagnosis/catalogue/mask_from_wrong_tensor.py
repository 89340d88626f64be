"""The relu mask of another tensor."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import mask_from_wrong_tensor

BUG = Bug(
    "mask-from-wrong-tensor",
    "hidden_delta",
    BugTexts(
        title="The relu mask of another tensor",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ [a_l > 0]",
        wrong="δ_l′ = (δ_{l+1} W_{l+1}ᵀ) ∘ [t > 0], with t another tensor than a_l",
        explanation=(
            "The mask that decides in {place} which units let the gradient through was not made from "
            "the pre-activations of this layer. It was taken from another tensor, such as another layer "
            "or the gradient that arrives."
        ),
        hint=("Which array is your mask in {place} made from, and which array decided in the forward pass?"),
        looks_like=(
            "The layers above are right, this one is wrong and those below inherit it. Single entries "
            "of δ are right, and others are 0 where they should not be or the other way round. Where "
            "all units are active in both tensors it cannot be seen."
        ),
        why=(
            "The array was overwritten in place, or a loop's index is off by one: `mask = a[i + 1] > 0` "
            "fits whenever the layers have the same width."
        ),
        see=(
            "Give all hidden layers different widths: a mask of another layer no longer fits. Print the "
            "mask beside `a > 0` for one example."
        ),
        fix="`delta = (delta @ W_above.T) * (a > 0)` with the a stored for this very layer.",
        seen_in=("Paddle#18678", "kaldi#3890"),
    ),
    replaces={"hidden_delta": mask_from_wrong_tensor},
)
