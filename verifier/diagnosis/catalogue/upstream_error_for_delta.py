"""The error is sent down without g′."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import upstream_error_for_delta

BUG = Bug(
    "upstream-error-for-delta",
    "hidden_delta",
    BugTexts(
        title="The error is sent down without g′",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l), with δ_{l+1} = ∂R/∂z_{l+1} ∘ g′(a_{l+1})",
        wrong="δ_l′ = (∂R/∂z_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)",
        explanation=(
            "What was sent down to {place} is the derivative by the output z of {above} and not its δ. "
            "The derivative g′ of {above} is missing on the way down, although the gradient of {above} "
            "itself is right."
        ),
        hint=(
            "Which quantity of the layer above arrives in {place}, and is it the same one that its own "
            "weight gradient is made from?"
        ),
        looks_like=(
            "The layers above are right, this one is wrong and those below inherit it. Its own g′ is "
            "there, and with a sigmoid above what arrives is too large. A linear layer above hides it."
        ),
        why=(
            "The code keeps `error` and `delta` apart, uses `error * g_prime` for the weights and then "
            "writes `error = error @ W.T`, following the picture of an error that is split over the "
            "connections."
        ),
        see=(
            "Make the layer above linear and check again: the error is gone. Print the two arrays, the "
            "one used for dW above and the one sent down; they must be the same."
        ),
        fix="`delta = error * derivative(a)`, then send down `delta @ W.T` and not `error @ W.T`.",
        seen_in=("makeyourownneuralnetwork part 2",),
    ),
    replaces={"hidden_delta": upstream_error_for_delta},
)
