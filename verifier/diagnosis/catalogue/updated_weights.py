"""Weights are updated before δ passes."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import updated_weights

BUG = Bug(
    "updated-weights",
    "hidden_delta",
    BugTexts(
        title="Weights are updated before δ passes",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)",
        wrong="δ_l′ = (δ_{l+1} (W_{l+1} − η ∂R/∂W_{l+1})ᵀ) ∘ g′(a_l)",
        explanation=(
            "δ was brought down to {place} through weights of {above} that had already made a step with "
            "learning rate {learning_rate}. All gradients belong to the weights of the forward pass."
        ),
        for_students=(
            "δ was brought down to {place} through weights of {above} that had already made a step. All "
            "gradients belong to the weights of the forward pass."
        ),
        hint=(
            "In which order does your loop change the weights and use them, and which weights does "
            "{place} see?"
        ),
        looks_like=(
            "The output layer is right, the one below is slightly wrong, and the error grows downwards. "
            "It shrinks in proportion to the learning rate, so with a small one it passes a loose "
            "tolerance."
        ),
        why=(
            "One loop from the output down computes the gradient of a layer, updates the layer and then "
            "goes on to the next."
        ),
        see=(
            "Compute the gradient with learning rate 0 and with 1. A gradient does not depend on it; if "
            "the hidden layers change, the update comes too early."
        ),
        fix=(
            "Compute all gradients first, then update all layers; or `upstream = delta @ W.T` before `W "
            "-= rate * dW`."
        ),
        seen_in=("mattm@4b6faac", "joelgrus#31", "Toy-Neural-Network-JS#72"),
    ),
    replaces={"hidden_delta": updated_weights},
)
