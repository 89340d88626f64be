"""Gradients of layers are exchanged."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import bias_of_exchanged_layer, weight_of_another_layer

BUG = Bug(
    "layer-order",
    "weight_gradient",
    BugTexts(
        title="Gradients of layers are exchanged",
        right="the gradient under the name W_l is ∂R/∂W_l",
        wrong="the gradient under the name W_l is ∂R/∂W_k, with k ≠ l",
        explanation=(
            "The gradients are right numbers under wrong names. The submitted gradient of {place} is the "
            "gradient of another layer, as if the list had been in reverse order."
        ),
        hint=(
            "In which order does your backward pass collect the gradients, and in which order are they "
            "submitted?"
        ),
        looks_like=(
            "Two or more layers are wrong, weights and biases both, and each is exactly what another "
            "layer should be. The middle one of an odd number of layers may be right. It can only "
            "happen where shapes agree."
        ),
        why=(
            "The backward pass goes from the output down and appends to a list. The list was then "
            "zipped with the parameters, which begin at the input."
        ),
        see=(
            "Give every layer a width of its own and print the shapes of gradients and parameters side "
            "by side."
        ),
        fix="`gradients = gradients[::-1]` after the loop, or store them by name.",
    ),
    replaces={"weight_gradient": weight_of_another_layer, "bias_gradient": bias_of_exchanged_layer},
    in_whole_network=True,
)
