"""δ passes through another layer's weights."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import wrong_layer_weights

BUG = Bug(
    "wrong-layer-weights",
    "hidden_delta",
    BugTexts(
        title="δ passes through another layer's weights",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)",
        wrong="δ_l′ = (δ_{l+1} W_kᵀ) ∘ g′(a_l), with k ≠ l + 1",
        explanation=(
            "On the way down to {place}, δ was multiplied by the weights of {other}. It has to go back "
            "through the weights of {above}, which brought the activations up."
        ),
        for_students=(
            "On the way down to {place}, δ was multiplied by weights of another layer. It has to go back "
            "through the weights of {above}, which brought the activations up."
        ),
        hint=(
            "Through which weights did the output of {place} go in the forward pass, and through which "
            "does δ come back?"
        ),
        looks_like=(
            "The layers above are right, this one is wrong and those below inherit it. It can only "
            "happen where two weight matrices fit in shape, so mostly with hidden layers of one width."
        ),
        why=(
            "An index is off by one: `delta @ W[l].T` for `W[l + 1].T`, or a list of weights was "
            "reversed and its index not."
        ),
        see=(
            "Give every layer a width of its own: the wrong matrix no longer fits and numpy raises an error."
        ),
        fix="`delta = (delta @ W[l + 1].T) * derivative(a[l])`",
        seen_in=("neon#111",),
    ),
    replaces={"hidden_delta": wrong_layer_weights},
)
