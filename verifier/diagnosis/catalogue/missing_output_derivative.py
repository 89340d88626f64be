"""The output activation's derivative is left out."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import missing_output_derivative

BUG = Bug(
    "missing-output-derivative",
    "output_delta",
    BugTexts(
        title="The output activation's derivative is left out",
        right="δ_L = ∂R/∂z_L ∘ g′(a_L)",
        wrong="δ_L′ = ∂R/∂z_L",
        explanation=(
            "The derivative of the loss was taken by the output z of {place} and used as its δ. But δ "
            "is the derivative by a, so the derivative g′ of the output's activation is missing."
        ),
        hint=(
            "The loss sees the output after its activation: which steps of the chain rule lie between "
            "the loss and the sum a in {place}?"
        ),
        looks_like=(
            "The output layer is wrong and all below inherit it. With a sigmoid every δ is at least "
            "four times too large, most of all where it saturates. A linear output hides it."
        ),
        why=(
            "`delta = f - y` was taken over from a network with a linear output, or with cross entropy, "
            "where it is all there is."
        ),
        see=(
            "Make the output layer linear and check again: the error is gone. Or print `f * (1 - f)` of "
            "one example beside submitted over expected."
        ),
        fix="For half the squared error after a sigmoid: `delta = (f - y) * f * (1 - f)`.",
        seen_in=("jiexunsee#1", "Bot-Academy PR#3"),
    ),
    replaces={"output_delta": missing_output_derivative},
)
