"""The target never enters the gradient."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import target_ignored

BUG = Bug(
    "target-ignored",
    "loss",
    BugTexts(
        title="The target never enters the gradient",
        right="δ_L = f − y (up to the loss's factors)",
        wrong="δ_L′ = f",
        explanation=(
            "The submitted gradient was computed with the network's output alone as the output "
            "delta. The target y does not appear in it."
        ),
        hint=(
            "Change the targets of the batch and compute the gradient of {place} again: what should "
            "happen, and what does?"
        ),
        looks_like=(
            "All layers are wrong and every layer fits the one above it. With targets of 0 it cannot be "
            "seen. For one-hot targets only the entries of the target class have a wrong δ."
        ),
        why=(
            "The line that subtracts the target was lost, or it works on a copy: `delta = p.copy()` and "
            "then `p[range(n), y] -= 1`."
        ),
        see=("Compute the gradient for two different targets. If not a single number changes, y is missing."),
        fix="`delta = p.copy(); delta[np.arange(n), labels] -= 1`, or `delta = f - y`.",
    ),
    replaces={"output_delta": target_ignored},
)
