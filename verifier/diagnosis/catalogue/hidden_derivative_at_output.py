"""The output layer's δ is multiplied by the derivative of another activation."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import hidden_derivative_at_output

BUG = Bug(
    "hidden-derivative-at-output",
    "output_delta",
    BugTexts(
        title="The output's δ is multiplied by the derivative of another activation",
        right="δ_L = p − y (cross entropy after softmax), δ_L = f − y (a linear output under squared error)",
        wrong="δ_L′ = δ_L ∘ h′(a_L), with h the activation of the hidden layers, such as the sigmoid or tanh",
        explanation=(
            "The δ of {place}, which was right, was multiplied by {used}. This layer does not have that "
            "activation, so the factor does not belong there."
        ),
        for_students=(
            "The δ of {place} was multiplied by the derivative of an activation that this layer does not "
            "have."
        ),
        hint=("Which activation does {place} have, and which derivatives does your code multiply its δ by?"),
        looks_like=(
            "The output layer is wrong and all below inherit it. With a sigmoid every δ is at least four "
            "times too small, and it nearly vanishes where the output is large."
        ),
        why=(
            "One line `delta = error * sigmoid_prime(a)` serves all layers, and the last one was changed to "
            "softmax or to a linear output later."
        ),
        see=(
            "Take one example. Under cross entropy after softmax the bias gradient of the last layer must be "
            "p − y, which sums to 0 over the outputs; here it does not."
        ),
        fix="`delta = (p - y) / n` in the last layer, and `sigmoid_prime` in the hidden layers alone.",
        seen_in=("KirillShmilovich/MLP-Neural-Network-From-Scratch#4",),
    ),
    replaces={"output_delta": hidden_derivative_at_output},
)
